/* Tests of the ELF reader: hostile files never make it read outside of them. */
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <plait/protocol.h>

#include "core/plugin/elf.h"
#include "tests/unit/plugin/folder.h"
#include "tests/unit/suite.h"

static void finds_the_descriptor(void)
{
	struct elf_image image = { .file = "sample.so" };
	struct elf_symbol symbol;
	struct plait_error error;
	struct plait_head head;
	unsigned char *bytes = sample_bytes(&image.size);

	image.bytes = bytes;
	CU_ASSERT_EQUAL(elf_check(&image, &error), 0);
	CU_ASSERT_EQUAL_FATAL(elf_find(&image, "plait_plugin", &symbol, &error), 0);
	CU_ASSERT(symbol.size >= sizeof(struct plait_protocol));
	CU_ASSERT(symbol.bytes_size >= sizeof(head));
	memcpy(&head, symbol.bytes, sizeof(head));
	CU_ASSERT_EQUAL(head.magic, PLAIT_MAGIC);
	CU_ASSERT_EQUAL(head.size, sizeof(struct plait_protocol));
	CU_ASSERT_EQUAL(elf_find(&image, "plait_plugi", &symbol, &error), PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(elf_find(&image, "", &symbol, &error), PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(elf_find(&image, "environ", &symbol, &error),
			PLAIT_ERROR_MISSING); /* data, but not its own */
	CU_ASSERT_EQUAL(elf_find(&image, "setenv", &symbol, &error), PLAIT_ERROR_MISSING);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "without the symbol setenv"));
	free(bytes);
}

static void check_patched(size_t offset, unsigned value, size_t len, const char *expected)
{
	struct elf_image image = { .file = "sample.so" };
	struct plait_error error = { 0 };
	unsigned char *bytes = sample_bytes(&image.size);

	memcpy(bytes + offset, &value, len);
	image.bytes = bytes;
	CU_ASSERT_EQUAL(elf_check(&image, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, expected));
	free(bytes);
}

static void tells_foreign_files(void)
{
	check_patched(offsetof(ElfW(Ehdr), e_machine), EM_S390, 2,
		      "is built for S/390, but this is a machine of type ");
	check_patched(offsetof(ElfW(Ehdr), e_machine), 0x1234, 2, "is built for another machine, but ");
	check_patched(EI_CLASS, 9, 1, "is built for ");
	check_patched(offsetof(ElfW(Ehdr), e_type), ET_REL, 2, "is an object file, no shared object");
	check_patched(offsetof(ElfW(Ehdr), e_type), ET_EXEC, 2, "is a program, no shared object");
	check_patched(offsetof(ElfW(Ehdr), e_type), ET_CORE, 2, "is another kind of ELF file");
	check_patched(offsetof(ElfW(Ehdr), e_phentsize), 1, 2, "damaged");
	check_patched(offsetof(ElfW(Ehdr), e_shentsize), 1, 2, "damaged");
	check_patched(offsetof(ElfW(Ehdr), e_phoff) + 4, 0xffffffff, 4, "damaged");
	check_patched(offsetof(ElfW(Ehdr), e_shoff) + 4, 0xffffffff, 4, "damaged");
	check_patched(offsetof(ElfW(Ehdr), e_shnum), 0xffff, 2, "damaged");
}

/* Whatever it answers, it must not read outside: the sanitizer watches a block of the very size. */
static void stands_damaged_files(void)
{
	struct elf_image image = { .file = "damaged.so" };
	unsigned char *bytes = sample_bytes(&image.size);
	uint32_t seed = 99;
	unsigned found = 0;

	for (int round = 0; round < 20000; round++) {
		struct elf_symbol symbol;
		size_t size = image.size, spots[8];
		unsigned char kept[8];

		for (int i = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			/* The headers at the head and the section headers at the end are worth most. */
			size_t spot = i < 3   ? (seed >> 8) % 512
				      : i < 6 ? size - 1 - (seed >> 8) % 2600
					      : (seed >> 8) % size;

			spots[i] = spot;
			kept[i] = bytes[spot];
			if (seed & 64)
				bytes[spot] = seed & 128 ? (unsigned char)(seed >> 24) : 0xff;
		}
		image.bytes = bytes;
		if (!elf_check(&image, NULL) && !elf_find(&image, "plait_plugin", &symbol, NULL)) {
			volatile unsigned char sum = 0;

			found++;
			CU_ASSERT_FATAL(symbol.bytes_size <= symbol.size);
			for (size_t i = 0; i < symbol.bytes_size; i++)
				sum = (unsigned char)(sum + symbol.bytes[i]);
		}
		for (int i = 7; i >= 0; i--)
			bytes[spots[i]] = kept[i];
	}
	CU_ASSERT(found > 100);
	CU_ASSERT(found < 20000);
	free(bytes);
}

SUITE_MAIN("elf", SUITE_TEST(finds_the_descriptor), SUITE_TEST(tells_foreign_files),
	   SUITE_TEST(stands_damaged_files))
