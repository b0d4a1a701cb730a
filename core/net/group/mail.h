/* Messages of groups on their way to other loops: what one turn sends to a loop travels together. */
#ifndef NET_GROUP_MAIL_H
#define NET_GROUP_MAIL_H

#include "core/net/group/group.h"

struct group_part;
struct group_mail;
struct plait_loop;

/* For the members of part, which is of another loop than here (NULL or without a network part: any thread): whoever the
 * message is not for is not among them. Pauses the sender (NULL: nobody) when that loop has so much before it that it should wait. */
void group_mail_add(struct plait_loop *here, struct group_part *part, struct plait_chunk *chunk,
		    struct group_delivery delivery, struct plait_conn *sender);

/* With the loop's network part. */
void group_mail_free(struct group_mail **mail);

#endif
