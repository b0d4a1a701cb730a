/* Descriptors that are missing, and who gets the next ones. */
#include "core/net/famine.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

atomic_uint famine_needs;

static pthread_mutex_t lock =
	PTHREAD_MUTEX_INITIALIZER; /* of what follows, and of every write to famine_needs */
static struct famine_waiter *first, **end = &first;
static unsigned line, starving;
static unsigned long long episodes;
static uint64_t began_ms, lasted_ms;

static int reserve[FAMINE_RESERVE];
static unsigned reserved, reserve_users;

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void count_needs(void)
{
	unsigned missing = reserve_users > 0 ? FAMINE_RESERVE - reserved : 0;
	atomic_store(&famine_needs, line + missing);
}

/* ---- the line ---- */

static void add_to(struct famine_waiter *waiter, struct famine_waiter **at)
{
	waiter->at = at;
	waiter->next = *at;
	*(waiter->next ? &waiter->next->at : &end) = &waiter->next;
	*at = waiter;
	line++;
}

static void take_out(struct famine_waiter *waiter)
{
	*waiter->at = waiter->next;
	*(waiter->next ? &waiter->next->at : &end) = waiter->at;
	waiter->at = NULL;
	line--;
}

bool famine_wait(struct famine_waiter *waiter)
{
	pthread_mutex_lock(&lock);
	bool joins = !waiter->at && !waiter->woken;
	if (joins)
		add_to(waiter, waiter->privileged ? &first : end);
	if (!waiter->starves && starving++ == 0) {
		episodes++;
		began_ms = now_ms();
	}
	waiter->starves = true;
	count_needs();
	pthread_mutex_unlock(&lock);
	return joins;
}

void famine_take(struct famine_waiter *waiter)
{
	pthread_mutex_lock(&lock);
	waiter->woken = false;
	pthread_mutex_unlock(&lock);
}

bool famine_end(struct famine_waiter *waiter)
{
	pthread_mutex_lock(&lock);
	bool stood = waiter->at;
	if (stood)
		take_out(waiter);
	if (waiter->starves && --starving == 0)
		lasted_ms += now_ms() - began_ms;
	waiter->starves = false;
	count_needs();
	pthread_mutex_unlock(&lock);
	return stood;
}

/* ---- the reserve ---- */

/* The null device, or where a sandbox forbids that, standard error: what is kept is the number. */
static int keep_one(void)
{
	int fd = reserved > 0 ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : fcntl(reserved > 0 ? reserve[0] : STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
}

static void fill_reserve(void)
{
	while (reserve_users > 0 && reserved < FAMINE_RESERVE) {
		int fd = keep_one();
		if (fd < 0)
			return;
		reserve[reserved++] = fd;
	}
}

void famine_open_reserve(void)
{
	pthread_mutex_lock(&lock);
	reserve_users++;
	fill_reserve();
	count_needs();
	pthread_mutex_unlock(&lock);
}

void famine_close_reserve(void)
{
	pthread_mutex_lock(&lock);
	reserve_users--;
	while (reserve_users == 0 && reserved > 0)
		close(reserve[--reserved]);
	count_needs();
	pthread_mutex_unlock(&lock);
}

bool famine_use_reserve(void)
{
	pthread_mutex_lock(&lock);
	bool any = reserved > 0;
	if (any)
		close(reserve[--reserved]);
	count_needs();
	pthread_mutex_unlock(&lock);
	return any;
}

/* ---- feeding ---- */

static bool may_be_woken(const struct famine_waiter *waiter)
{
	if (reserve_users == 0 || reserved == FAMINE_RESERVE)
		return true;
	return waiter->privileged && reserved > 0;
}

/* One at a time: whoever finds that there is more than it needs feeds the next. */
void famine_feed(void)
{
	pthread_mutex_lock(&lock);
	fill_reserve();
	struct famine_waiter *waiter = first;
	if (waiter && may_be_woken(waiter)) {
		take_out(waiter);
		waiter->woken = true;
		waiter->wake(waiter);
	}
	count_needs();
	pthread_mutex_unlock(&lock);
}

void famine_tell(struct famine_told *told)
{
	pthread_mutex_lock(&lock);
	*told = (struct famine_told){
		.episodes = episodes,
		.lasted_ms = lasted_ms + (starving > 0 ? now_ms() - began_ms : 0),
		.now = starving > 0,
		.reserve = reserved,
	};
	pthread_mutex_unlock(&lock);
}
