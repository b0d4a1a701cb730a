/* Mail between loops: parcels of messages, one post each, made of blocks that are used again. */
#include "core/net/group/mail.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"
#include "core/net/group/group.h"

/* A sender pauses when more than this is on its way from its loop to another: or a fast one would fill the memory of a
 * slow one. */
#define IN_FLIGHT_HIGH ((size_t)256 * 1024)

/* A parcel is 2 KiB. A fuller turn sends several, so that the others need not wait for its end. */
#define PARCEL_MESSAGES 60

struct message {
	struct group_part *part; /* NULL: no message, but a sender that waits */
	union {
		struct plait_chunk *chunk; /* one reference */
		struct plait_conn_ref *waiting;
	} u;
	struct group_delivery delivery;
};

/* What a message costs on its way besides its bytes. */
#define MESSAGE_OVERHEAD sizeof(struct message)

struct parcel {
	struct post post;
	struct mailbox *box; /* NULL: it was posted from no loop */
	struct plait_group
		*group; /* of the last message; one reference for each run of messages of one group */
	size_t bytes;
	unsigned count;
	struct message messages[PARCEL_MESSAGES];
};

/* From one loop to one other. Each side has its own line of the cache, and writes nothing but its own. */
struct mailbox {
	_Alignas(CACHE_LINE) struct plait_loop *to;
	struct parcel *parcel; /* being filled */
	size_t sent;           /* bytes, ever */
	_Alignas(CACHE_LINE) atomic_size_t arrived;
};

struct group_mail {
	struct task task; /* sends what a turn has filled */
	unsigned count;
	struct mailbox boxes[];
};

static void end_wait(struct plait_conn *sender, void *arg)
{
	(void)arg;
	if (sender)
		conn_resume_from(sender, CONN_PAUSE_GROUP);
}

/* What came before it has been delivered. */
static void caught_up(struct plait_conn_ref **sender)
{
	plait_conn_ref_call(*sender, end_wait, NULL);
	plait_conn_unref(sender);
}

/* Does with each message what is to be done, or only gives back what it holds. */
static void unpack(struct parcel *parcel, bool deliver)
{
	struct plait_group *group = NULL;
	for (unsigned i = 0; i < parcel->count; i++) {
		struct message *message = &parcel->messages[i];
		if (!message->part) {
			caught_up(&message->u.waiting);
			continue;
		}
		struct plait_group *its = message->part->group;
		if (group != its) {
			group_unref(group);
			group = its;
		}
		if (deliver)
			part_walk(message->part, message->u.chunk, NULL, message->delivery);
		plait_chunk_unref(&message->u.chunk);
	}
	group_unref(group);
}

static void arrive(struct post *post)
{
	struct parcel *parcel = CONTAINER_OF(post, struct parcel, post);
	struct mailbox *box = parcel->box;
	unpack(parcel, true);
	if (box) /* one writer: the loop that it goes to */
		atomic_store_explicit(&box->arrived,
				      atomic_load_explicit(&box->arrived, memory_order_relaxed) +
					      parcel->bytes,
				      memory_order_relaxed);
	block_give(parcel);
}

static struct parcel *parcel_new(struct mailbox *box)
{
	struct parcel *parcel = alloc_block(sizeof(*parcel), "messages to another loop");
	parcel->box = box;
	parcel->group = NULL;
	parcel->bytes = 0;
	parcel->count = 0;
	return parcel;
}

static void put(struct parcel *parcel, struct group_part *part, struct plait_chunk *chunk,
		struct group_delivery delivery)
{
	struct plait_group *group = part->group;
	if (parcel->group != group)
		parcel->group = group_ref(group);
	parcel->bytes += chunk->size + MESSAGE_OVERHEAD;
	parcel->messages[parcel->count++] =
		(struct message){ .part = part, .u.chunk = plait_chunk_ref(chunk), .delivery = delivery };
}

static void send(struct mailbox *box)
{
	struct parcel *parcel = box->parcel;
	box->parcel = NULL;
	if (parcel)
		post_send(&box->to->posts, &parcel->post, arrive);
}

static void send_all(struct task *task)
{
	struct group_mail *mail = CONTAINER_OF(task, struct group_mail, task);
	for (unsigned i = 0; i < mail->count; i++)
		send(&mail->boxes[i]);
}

static struct group_mail *mail_of(struct plait_loop *here)
{
	if (here->net->mail)
		return here->net->mail;
	size_t size = sizeof(struct group_mail) + here->count * sizeof(struct mailbox);
	struct group_mail *mail = alloc_apart(size, "messages to other loops");
	task_init(&mail->task, send_all);
	mail->count = here->count;
	for (unsigned i = 0; i < mail->count; i++)
		mail->boxes[i] = (struct mailbox){ 0 };
	here->net->mail = mail;
	return mail;
}

/* The parcel to the loop that something is to be added to. */
static struct parcel *parcel_to(struct plait_loop *here, struct mailbox *box)
{
	if (box->parcel && box->parcel->count == PARCEL_MESSAGES)
		send(box);
	if (!box->parcel) {
		box->parcel = parcel_new(box);
		loop_defer(here, &here->net->mail->task);
	}
	return box->parcel;
}

/* Behind the messages: when it is unpacked, they have been delivered. One loop at a time is enough: when it has caught
 * up, the next message finds the others that have not. */
static void wait_for(struct plait_loop *here, struct mailbox *box, struct plait_conn *sender)
{
	if (sender->paused & CONN_PAUSE_GROUP)
		return;
	struct parcel *parcel = parcel_to(here, box);
	parcel->messages[parcel->count++] = (struct message){ .u.waiting = plait_conn_ref(sender) };
	conn_pause_for(sender, CONN_PAUSE_GROUP);
}

void group_mail_add(struct plait_loop *here, struct group_part *part, struct plait_chunk *chunk,
		    struct group_delivery delivery, struct plait_conn *sender)
{
	struct plait_loop *to = part->loop;
	if (!here || !here->net) {
		struct parcel *parcel = parcel_new(NULL);
		put(parcel, part, chunk, delivery);
		post_send(&to->posts, &parcel->post, arrive);
		return;
	}
	struct mailbox *box = &mail_of(here)->boxes[to->index];
	box->to = to;
	put(parcel_to(here, box), part, chunk, delivery);
	box->sent += chunk->size + MESSAGE_OVERHEAD;
	if (sender && box->sent - atomic_load_explicit(&box->arrived, memory_order_relaxed) > IN_FLIGHT_HIGH)
		wait_for(here, box, sender);
}

void group_mail_free(struct group_mail **mail_at)
{
	struct group_mail *mail = *mail_at;
	*mail_at = NULL;
	for (unsigned i = 0; mail && i < mail->count; i++) {
		if (!mail->boxes[i].parcel)
			continue;
		unpack(mail->boxes[i].parcel, false);
		block_give(mail->boxes[i].parcel);
	}
	free(mail);
}
