/* Runs a fuzz target over its corpus, and over each of its inputs cut short and with a byte changed; speaks
 * TAP. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)

/* In a block of the input's own size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *block = malloc(size ? size : 1);

	if (!block)
		abort();
	if (size)
		memcpy(block, data, size);
	LLVMFuzzerTestOneInput(block, size);
	free(block);
}

static void run_variants(uint8_t *data, size_t size)
{
	run(data, size);
	for (size_t i = 0; i < size && i < 256; i++) {
		uint8_t byte = data[i];

		run(data, i);
		for (unsigned bit = 0; bit < 8; bit++) {
			data[i] = (uint8_t)(byte ^ 1u << bit);
			run(data, size);
		}
		data[i] = byte;
	}
}

static void replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = malloc(INPUT_MAX);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || !data) {
		printf("Bail out! cannot read %s\n", path);
		exit(99);
	}
	run_variants(data, fread(data, 1, INPUT_MAX, file));
	fclose(file);
	free(data);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* replay [FOLDER]; without one, the target's own in the source tree. */
int main(int argc, char **argv)
{
	const char *root = getenv("top_srcdir");
	char folder[2048];
	struct dirent **entries;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", root ? root : ".", FUZZ_CORPUS);
	if (argc > 1)
		snprintf(folder, sizeof(folder), "%s", argv[1]);
	int count = scandir(folder, &entries, visible, alphasort);

	if (count < 1) {
		printf("Bail out! no corpus in %s; set top_srcdir or name its folder\n", folder);
		return 99;
	}
	for (int i = 0; i < count; i++) {
		printf("# %s\n", entries[i]->d_name);
		fflush(stdout);
		replay(folder, entries[i]->d_name);
		printf("ok %d - %s\n", i + 1, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", count);
	return 0;
}
