/* What the service manager hears while the server serves: that its loops turn, and how many connections there are. */
#ifndef SERVER_SYSTEMD_PULSE_H
#define SERVER_SYSTEMD_PULSE_H

struct server;

/* From when it serves until its boss loop ends. On the boss loop. Does nothing without a manager. */
void pulse_start(struct server *server);

#endif
