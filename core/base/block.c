/* Small blocks of memory, kept by the thread that made them. */
#include "core/base/block.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/compiler.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#endif

/* Blocks are 64, 128, ... 4096 bytes long, their heads included. */
#define SHELVES 7
#define SHORTEST 64u
/* A thread keeps this much of each size. */
#define KEEPS_BYTES ((size_t)256 * 1024)

struct block {
	struct shelf *shelf; /* NULL: of the heap */
	struct block *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

/* The blocks of one size that its thread may take. */
struct shelf {
	struct store *store;
	struct block *blocks;
	size_t size; /* of the bytes */
	unsigned kept, keeps;
};

/* A thread's. It lives until the thread has ended and all its blocks have come home. */
struct store {
	struct shelf shelves[SHELVES];
	long made;                                             /* and not freed by this thread */
	_Alignas(CACHE_LINE) _Atomic(struct block *) returned; /* by other threads */
	atomic_long missing;                                   /* once the thread has ended */
};

/* Stands in store.returned when nobody is at home any more. */
static struct block gone;

/* libplait is there from the program's start, so that this need not be looked up by a call. */
static _Thread_local struct store *mine __attribute__((tls_model("initial-exec")));
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void put(struct shelf *shelf, struct block *block)
{
	if (shelf->kept == shelf->keeps) {
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, shelf->size);
		shelf->store->made--;
		free(block);
		return;
	}
	block->next = shelf->blocks;
	shelf->blocks = block;
	shelf->kept++;
}

static void free_all(struct store *store, struct block *block)
{
	while (block) {
		struct block *next = block->next;
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->shelf->size);
		free(block);
		store->made--;
		block = next;
	}
}

static void missing(struct store *store, long more)
{
	if (atomic_fetch_add_explicit(&store->missing, more, memory_order_acq_rel) + more == 0)
		free(store);
}

/* The thread ends. Blocks that others still hold come home to nobody; the last one frees the store. */
static void store_close(void *arg)
{
	struct store *store = arg;
	mine = NULL;
	for (unsigned i = 0; i < SHELVES; i++)
		free_all(store, store->shelves[i].blocks);
	free_all(store, atomic_exchange_explicit(&store->returned, &gone, memory_order_acq_rel));
	missing(store, store->made);
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, store_close) == 0;
}

static struct store *store_open(void)
{
	pthread_once(&once, make_key);
	struct store *store = has_key ? aligned_alloc(CACHE_LINE, sizeof(*store)) : NULL;
	if (!store)
		return NULL;
	*store = (struct store){ 0 };
	for (unsigned i = 0; i < SHELVES; i++) {
		size_t size = (size_t)SHORTEST << i;
		store->shelves[i] = (struct shelf){ .store = store,
						    .size = size - sizeof(struct block),
						    .keeps = (unsigned)(KEEPS_BYTES / size) };
	}
	if (pthread_setspecific(key, store) != 0) {
		free(store);
		return NULL;
	}
	mine = store;
	return store;
}

static struct block *make(struct shelf *shelf, size_t size)
{
	struct block *block = malloc(sizeof(*block) + (shelf ? shelf->size : size));
	if (!block)
		return NULL;
	block->shelf = shelf;
	if (shelf) {
		shelf->store->made++;
		ASAN_POISON_MEMORY_REGION(block->bytes, shelf->size);
	}
	return block;
}

/* What other threads have given back goes to its shelves. */
static void collect(struct store *store)
{
	struct block *block = atomic_exchange_explicit(&store->returned, NULL, memory_order_acquire);
	while (block) {
		struct block *next = block->next;
		put(block->shelf, block);
		block = next;
	}
}

static struct block *take_from(struct shelf *shelf)
{
	if (!shelf->blocks && atomic_load_explicit(&shelf->store->returned, memory_order_relaxed))
		collect(shelf->store);
	struct block *block = shelf->blocks;
	if (!block)
		return make(shelf, 0);
	shelf->blocks = block->next;
	shelf->kept--;
	return block;
}

/* NULL: the heap's. */
static struct shelf *shelf_for(size_t size)
{
	struct store *store = mine ? mine : store_open();
	if (!store || size > (SHORTEST << (SHELVES - 1)) - sizeof(struct block))
		return NULL;
	unsigned last = (unsigned)(size + sizeof(struct block) - 1) | (SHORTEST - 1);
	return &store->shelves[26 - __builtin_clz(last)]; /* 63: 0, 64 to 127: 1, ... */
}

void *block_take(size_t size)
{
	struct shelf *shelf = shelf_for(size);
	if (!shelf && size > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *block = shelf ? take_from(shelf) : make(NULL, size);
	if (!block)
		return NULL;
	if (shelf)
		ASAN_UNPOISON_MEMORY_REGION(block->bytes, size);
	return block->bytes;
}

static void send_home(struct store *store, struct block *block)
{
	struct block *head = atomic_load_explicit(&store->returned, memory_order_relaxed);
	do {
		if (head == &gone) {
			ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->shelf->size);
			free(block);
			missing(store, -1);
			return;
		}
		block->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&store->returned, &head, block, memory_order_release,
							memory_order_relaxed));
}

void block_give(void *bytes)
{
	if (!bytes)
		return;
	struct block *block = (struct block *)(void *)((uint8_t *)bytes - offsetof(struct block, bytes));
	struct shelf *shelf = block->shelf;
	if (!shelf) {
		free(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block->bytes, shelf->size);
	if (shelf->store == mine)
		put(shelf, block);
	else
		send_home(shelf->store, block);
}
