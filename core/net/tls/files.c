/* Looking at the files of a context. */
#include "core/net/tls/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

int tls_files_init(struct tls_files *files, const struct tls_settings *settings)
{
	*files = (struct tls_files){ .count = each_path(tls_settings_table, settings, NULL) };
	size_t places = files->count + 1; /* none is no want of memory */
	files->paths = calloc(places, sizeof(*files->paths));
	files->known = calloc(places, sizeof(*files->known));
	files->begun = calloc(places, sizeof(*files->begun));
	files->last = calloc(places, sizeof(*files->last));
	if (!files->paths || !files->known || !files->begun || !files->last) {
		tls_files_fini(files);
		return -1;
	}
	each_path(tls_settings_table, settings, files->paths);
	return 0;
}

void tls_files_fini(struct tls_files *files)
{
	free(files->paths);
	free(files->known);
	free(files->begun);
	free(files->last);
	*files = (struct tls_files){ 0 };
}

static struct tls_stamp look_at(const char *path)
{
	struct stat found;
	if (stat(path, &found) < 0)
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

void tls_files_begin(struct tls_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		files->begun[i] = look_at(files->paths[i]);
}

void tls_files_done(struct tls_files *files)
{
	memcpy(files->known, files->begun, files->count * sizeof(*files->known));
	memcpy(files->last, files->begun, files->count * sizeof(*files->last));
	files->differ = files->rest = 0;
}

bool tls_files_look(struct tls_files *files)
{
	bool differ = false, moved = false, missing = false;
	for (size_t i = 0; i < files->count; i++) {
		struct tls_stamp now = look_at(files->paths[i]);
		differ |= !same(&now, &files->known[i]);
		moved |= !same(&now, &files->last[i]);
		missing |= now.error != 0;
		files->last[i] = now;
	}
	files->differ = differ ? files->differ + 1 : 0;
	files->rest = differ && !moved ? files->rest + 1 : 0;
	return files->rest >= (missing ? TLS_FILES_MISSING_LOOKS : 1) ||
	       files->differ >= TLS_FILES_RESTLESS_LOOKS;
}
