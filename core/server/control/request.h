/* One command of one peer, from its line to its answer. On the boss loop. */
#ifndef SERVER_CONTROL_REQUEST_H
#define SERVER_CONTROL_REQUEST_H

#include "core/base/option.h"
#include "core/server/control/command.h"
#include "core/server/parts.h"

struct session;

struct request {
	struct server *server;
	struct session *session; /* NULL: the peer has gone */
	const struct control_command *command;
	struct option_arena *arena;
	void *arguments; /* by the command's table */
};

/* Aborts when there is no memory. */
struct request *request_new(struct server *server, struct session *session);

/* Ends with one of the answers below, at once or later. */
void request_run(struct request *request, const char *line, size_t len);

/* {"v":1,"ok":true, ...body}; takes the reference, and frees the request. */
void request_answer(struct request *request, json_t *body);

/* {"v":1,"ok":false,"error":{...}}; more: what else the error has, may be NULL. Frees the request. */
void request_refuse(struct request *request, const char *code, json_t *more, const char *format, ...)
	PLAIT_PRINTF(4, 5);

/* True: the server ends, nothing of it can change any more, and the request has been refused. */
bool request_refuse_late(struct request *request);

/* The answer goes nowhere. */
void request_forget_peer(struct request *request);

/* Of a text whose bytes nobody vouches for. */
json_t *request_text(const char *text);

/* One of the configuration's. NULL: there is none of that name, and the request has been refused. */
struct plait_listener *request_find_listener(struct request *request, const char *name);

/* ---- of control.c ---- */

/* Sends the line that ends a session's request. */
void session_answer(struct session *session, const char *line, size_t len);

/* Silence does not end it any more. */
void session_keep(struct session *session);

#endif
