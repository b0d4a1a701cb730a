/* Another program in the place of this one: a worker of it first, then the supervisor itself, which goes on as the same
 * process. */
#ifndef SERVER_SUPERVISOR_UPGRADE_H
#define SERVER_SUPERVISOR_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

struct supervisor;
struct worker_process;

/* Which state a supervisor of this program takes over; those of another layout have another one. */
uint32_t upgrade_state_version(void);

/* Where the program is found at each upgrade: as it was called, so that a link may lead elsewhere meanwhile. NULL: that
 * cannot be told; the caller frees it. */
char *upgrade_find_program(void);

/* In the child that is to be a worker of the program on the disk: does not return. */
_Noreturn void upgrade_exec_worker(const struct supervisor *supervisor, int channel);

/* The descriptor that such a worker's program was given: of its channel. -1: this is none. Once only. */
int upgrade_worker_channel(void);

/* Becomes the program's supervisor, with all there is. Returns when that fails, with errno; then nothing has changed. */
void upgrade_exec(struct supervisor *supervisor);

/* Takes over what upgrade_exec left. 1: done; 0: there is nothing of that; -1: it cannot be understood. */
int upgrade_resume(struct supervisor *supervisor);

#endif
