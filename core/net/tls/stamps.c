/* Looking at the files of a context. */
#include "core/net/tls/stamps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/open_file.h"

/* What tells one version of a file from another. Symbolic links are followed, so one that is set to another file shows. */
struct tls_stamp {
	int error; /* why there is no more to tell; 0: there is */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

/* Every path that stands in a struct of that table, into paths unless that is NULL. Returns their number. */
static size_t each_path(const struct plait_option *table, const void *object, const char **paths)
{
	size_t count = 0;
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		const char *member = (const char *)object + row->offset;
		if (row->type == PLAIT_OPTION_TYPE_PATH) {
			const char *path;
			memcpy(&path, member, sizeof(path));
			if (path && paths)
				paths[count] = path;
			count += path != NULL;
		} else if (row->type == PLAIT_OPTION_TYPE_OBJECT) {
			count += each_path(row->table, member, paths ? paths + count : NULL);
		} else if (row->type == PLAIT_OPTION_TYPE_LIST) {
			struct plait_list list;
			memcpy(&list, member, sizeof(list));
			for (size_t i = 0; i < list.count; i++)
				count += each_path(row->table, (const char *)list.items + i * row->table_size,
						   paths ? paths + count : NULL);
		}
	}
	return count;
}

int tls_stamps_init(struct tls_stamps *stamps, const struct tls_settings *settings)
{
	*stamps = (struct tls_stamps){ .count = each_path(tls_settings_table, settings, NULL) };
	size_t places = stamps->count + 1; /* none is no want of memory */
	stamps->paths = calloc(places, sizeof(*stamps->paths));
	stamps->known = calloc(places, sizeof(*stamps->known));
	stamps->begun = calloc(places, sizeof(*stamps->begun));
	stamps->last = calloc(places, sizeof(*stamps->last));
	if (!stamps->paths || !stamps->known || !stamps->begun || !stamps->last) {
		tls_stamps_fini(stamps);
		return -1;
	}
	each_path(tls_settings_table, settings, stamps->paths);
	return 0;
}

void tls_stamps_fini(struct tls_stamps *stamps)
{
	free(stamps->paths);
	free(stamps->known);
	free(stamps->begun);
	free(stamps->last);
	*stamps = (struct tls_stamps){ 0 };
}

static struct tls_stamp look_at(const char *path)
{
	struct stat found;
	if (open_file_stat(path, &found) < 0)
		return (struct tls_stamp){ .error = errno };
	return (struct tls_stamp){ .device = found.st_dev,
				   .inode = found.st_ino,
				   .size = found.st_size,
				   .modified = found.st_mtim,
				   .changed = found.st_ctim };
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same(const struct tls_stamp *a, const struct tls_stamp *b)
{
	return a->error == b->error && a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

void tls_stamps_begin(struct tls_stamps *stamps)
{
	for (size_t i = 0; i < stamps->count; i++)
		stamps->begun[i] = look_at(stamps->paths[i]);
}

void tls_stamps_done(struct tls_stamps *stamps)
{
	memcpy(stamps->known, stamps->begun, stamps->count * sizeof(*stamps->known));
	memcpy(stamps->last, stamps->begun, stamps->count * sizeof(*stamps->last));
	stamps->differ = stamps->rest = stamps->wait = 0;
}

void tls_stamps_wait(struct tls_stamps *stamps)
{
	stamps->wait = TLS_STAMPS_WAIT_LOOKS;
}

bool tls_stamps_look(struct tls_stamps *stamps)
{
	bool differ = false, moved = false, missing = false;
	for (size_t i = 0; i < stamps->count; i++) {
		struct tls_stamp now = look_at(stamps->paths[i]);
		differ |= !same(&now, &stamps->known[i]);
		moved |= !same(&now, &stamps->last[i]);
		missing |= now.error != 0;
		stamps->last[i] = now;
	}
	stamps->differ = differ ? stamps->differ + 1 : 0;
	stamps->rest = differ && !moved ? stamps->rest + 1 : 0;
	if (stamps->wait > 0) {
		stamps->wait--;
		return false;
	}
	return stamps->rest >= (missing ? TLS_STAMPS_MISSING_LOOKS : 1) ||
	       stamps->differ >= TLS_STAMPS_RESTLESS_LOOKS;
}
