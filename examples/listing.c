/* A call that may answer at once or fail, as a Deferred in any case: the listing of a folder.
 * Usage: listing [FOLDER...] */
#include <dirent.h>
#include <errno.h>
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	int count;
	struct dirent **entries;
};

static void free_listing(void *value)
{
	struct listing *listing = value;
	for (int i = 0; i < listing->count; i++)
		free(listing->entries[i]);
	free(listing->entries);
	free(listing);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Knows nothing of Deferreds: a value or a failure. */
static struct plait_result list_folder(void *arg)
{
	const char *folder = arg;
	struct dirent **entries;
	int count = scandir(folder, &entries, visible, alphasort);
	if (count < 0)
		return plait_failed(
			plait_failure(PLAIT_ERROR_MISSING, "cannot list %s: %s", folder, strerror(errno)));
	struct listing *listing = malloc(sizeof(*listing));
	if (!listing)
		abort();
	*listing = (struct listing){ count, entries };
	return plait_owned(listing, free_listing);
}

static struct plait_result print(struct plait_result result, void *arg)
{
	const struct listing *listing = result.value;
	printf("%s has %d:", (const char *)arg, listing->count);
	for (int i = 0; i < listing->count; i++)
		printf(" %s", listing->entries[i]->d_name);
	putchar('\n');
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_result complain(struct plait_result result, void *arg)
{
	(void)arg;
	printf("%s\n", result.failure->text);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void list(char *folder)
{
	struct plait_deferred *deferred = plait_maybe_deferred(list_folder, folder);
	plait_add_callbacks(deferred, print, complain, folder);
	plait_deferred_unref(&deferred);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		list(".");
	for (int i = 1; i < argc; i++)
		list(argv[i]);
	return 0;
}
