/* Remembers peers that the log has a line about, in a table of fixed size. */
#include "core/base/log_peer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The log writes fewer lines of one kind in a minute. */
#define SETS 256u
#define WAYS 4u

/* Compared as bytes. */
struct key {
	uint64_t listener; /* a hash of its name */
	uint64_t host[2];
	uint64_t family;
};

struct entry {
	struct key key;
	uint64_t began_ms;
	bool used;
	struct log_left_out left_out;
};

static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	uint64_t secret[2];
	unsigned behind; /* entries that have left lines out */
	struct entry entries[SETS][WAYS];
} memory = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT };

/* From early in the system's life there is always something; without it, the table is merely predictable. */
static void choose_secret(void)
{
	(void)!getrandom(memory.secret, sizeof(memory.secret), GRND_NONBLOCK);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash;
}

/* Whoever has one address of IPv6 has the 2^64 of its network. */
static struct key key_of(const struct log_subject *subject)
{
	const struct plait_addr *peer = subject->peer;
	struct key key = { .family = peer->family };

	key.listener = hash_text(subject->listener ? subject->listener : "");
	if (peer->family == PLAIT_FAMILY_IPV4)
		memcpy(key.host, peer->u.bytes, 4);
	else if (peer->family == PLAIT_FAMILY_IPV6)
		memcpy(key.host, peer->u.bytes, 8);
	return key;
}

/* Who does not know the secret cannot choose addresses that drive others out. */
static struct entry *set_of(const struct key *key)
{
	uint64_t hash = mix(key->host[0] ^ memory.secret[0], key->host[1] ^ memory.secret[1] ^ key->family) ^
			key->listener;
	return memory.entries[(mix(hash ^ memory.secret[1], 0x9e3779b97f4a7c15u) >> 16) % SETS];
}

/* Another thread may have read the clock later, and had the lock before. */
static uint64_t age_ms(const struct entry *entry, uint64_t now_ms)
{
	return now_ms > entry->began_ms ? now_ms - entry->began_ms : 0;
}

static void forget(struct entry *entry, uint64_t now_ms, log_left_out_fn *report)
{
	if (entry->used && entry->left_out.lines > 0) {
		uint64_t seconds = (age_ms(entry, now_ms) + 999) / 1000;

		entry->left_out.seconds = seconds > 0 ? seconds : 1;
		report(&entry->left_out);
		memory.behind--;
	}
	entry->used = false;
}

static bool is_over(const struct entry *entry, uint64_t now_ms)
{
	return entry->used && age_ms(entry, now_ms) >= LOG_PEER_WINDOW_MS;
}

/* The entry of key; one that is not used when there is none, the oldest of its set if need be. */
static struct entry *find(const struct key *key, uint64_t now_ms, log_left_out_fn *report)
{
	struct entry *set = set_of(key), *spare = NULL;

	for (unsigned way = 0; way < WAYS; way++) {
		if (is_over(&set[way], now_ms))
			forget(&set[way], now_ms, report);
		if (set[way].used && !memcmp(&set[way].key, key, sizeof(*key)))
			return &set[way];
		if (!spare || (spare->used && (!set[way].used || set[way].began_ms < spare->began_ms)))
			spare = &set[way];
	}
	forget(spare, now_ms, report);
	return spare;
}

static void leave_out(struct entry *entry, enum plait_log_level level, const struct log_subject *subject,
		      const char *text)
{
	struct log_left_out *left_out = &entry->left_out;

	memory.behind += left_out->lines == 0;
	left_out->lines++;
	left_out->level = level;
	left_out->peer = *subject->peer;
	snprintf(left_out->listener, sizeof(left_out->listener), "%s",
		 subject->listener ? subject->listener : "");
	snprintf(left_out->text, sizeof(left_out->text), "%s", text);
}

bool log_peer_admit(enum plait_log_level level, const struct log_subject *subject, const char *text,
		    uint64_t now_ms, log_left_out_fn *report)
{
	struct key key = key_of(subject);

	pthread_once(&memory.once, choose_secret);
	pthread_mutex_lock(&memory.lock);
	struct entry *entry = find(&key, now_ms, report);
	bool first = !entry->used;

	if (first) {
		entry->used = true;
		entry->key = key;
		entry->began_ms = now_ms;
		entry->left_out.lines = 0;
	} else {
		leave_out(entry, level, subject, text);
	}
	pthread_mutex_unlock(&memory.lock);
	return first;
}

void log_peer_sweep(uint64_t now_ms, bool all, log_left_out_fn *report)
{
	pthread_mutex_lock(&memory.lock);
	for (unsigned set = 0; set < SETS && (memory.behind > 0 || all); set++) {
		for (unsigned way = 0; way < WAYS; way++) {
			struct entry *entry = &memory.entries[set][way];

			if (all || is_over(entry, now_ms))
				forget(entry, now_ms, report);
		}
	}
	pthread_mutex_unlock(&memory.lock);
}
