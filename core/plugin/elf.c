/* Reads the parts of an ELF file the loader judges it by; every offset and size in it is checked. */
#include "core/plugin/elf.h"

#include <link.h>
#include <stdbool.h>
#include <string.h>

#define IDENT_CLASS (__ELF_NATIVE_CLASS == 64 ? ELFCLASS64 : ELFCLASS32)
#define IDENT_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

/* The header of the object this code is linked into: it knows the machine. The linker defines it. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((__visibility__("hidden")));

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_X86_64, "x86-64" },     { EM_386, "x86 (32 bits)" }, { EM_AARCH64, "ARM64" },
		{ EM_ARM, "ARM (32 bits)" }, { EM_RISCV, "RISC-V" },      { EM_PPC64, "POWER" },
		{ EM_S390, "S/390" },        { EM_MIPS, "MIPS" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another machine";
}

/* count things of unit bytes each, at offset; NULL when they are not all in the image. */
static const void *part(const struct elf_image *image, uint64_t offset, uint64_t count, uint64_t unit)
{
	uint64_t total;

	if (__builtin_mul_overflow(count, unit, &total) || offset > image->size ||
	    total > image->size - offset)
		return NULL;
	return image->bytes + offset;
}

static int cut_short(const struct elf_image *image, struct plait_error *error)
{
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, image->file,
		"is cut short or damaged: parts of the shared object lie beyond its %zu bytes; "
		"copy or build it again",
		image->size);
}

static int check_parts(const struct elf_image *image, const ElfW(Ehdr) *header, struct plait_error *error)
{
	ElfW(Phdr) segment;
	const uint8_t *segments = part(image, header->e_phoff, header->e_phnum, sizeof(segment));

	if (!segments || header->e_phentsize != sizeof(segment))
		return cut_short(image, error);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		memcpy(&segment, segments + i * sizeof(segment), sizeof(segment));
		/* The system's loader maps it unchecked, and touching what is missing would be a SIGBUS. */
		if (segment.p_type == PT_LOAD && !part(image, segment.p_offset, segment.p_filesz, 1))
			return cut_short(image, error);
	}
	if (header->e_shnum && header->e_shentsize != sizeof(ElfW(Shdr)))
		return cut_short(image, error);
	if (!part(image, header->e_shoff, header->e_shnum, sizeof(ElfW(Shdr))))
		return cut_short(image, error);
	return 0;
}

int elf_check(const struct elf_image *image, struct plait_error *error)
{
	static const char archive[] = "# ";
	ElfW(Ehdr) header;
	const char *file = image->file;

	if (!image->size)
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "is an empty file, no plugin; build or copy it again");
	if (image->size < SELFMAG || memcmp(image->bytes, ELFMAG, SELFMAG)) {
		size_t length = strlen(file);
		bool libtool = length > 3 && !strcmp(file + length - 3, ".la") && image->size >= 2 &&
			       !memcmp(image->bytes, archive, 2);

		return plait_error_set(
			error, PLAIT_ERROR_INVALID, file,
			libtool ? "is a text of libtool, no plugin; name the .so file in .libs beside it"
				: "is no shared object; a plugin is built with cc -shared -fPIC");
	}
	if (image->size < sizeof(header))
		return cut_short(image, error);
	memcpy(&header, image->bytes, sizeof(header));
	if (header.e_ident[EI_CLASS] != IDENT_CLASS || header.e_ident[EI_DATA] != IDENT_DATA ||
	    header.e_machine != __ehdr_start.e_machine) {
		bool swapped = header.e_ident[EI_DATA] != IDENT_DATA;
		unsigned machine = swapped ? __builtin_bswap16(header.e_machine) : header.e_machine;

		return plait_error_set(
			error, PLAIT_ERROR_INVALID, file,
			"is built for %s, but this is a machine of type %s; build the plugin for it",
			machine_name(machine), machine_name(__ehdr_start.e_machine));
	}
	if (header.e_type != ET_DYN)
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "is %s, no shared object; a plugin is built with cc -shared -fPIC",
				       header.e_type == ET_REL    ? "an object file"
				       : header.e_type == ET_EXEC ? "a program"
								  : "another kind of ELF file");
	return check_parts(image, &header, error);
}

/* Where in the image the symbol's bytes are; false when it does not lie whole in one segment that is
 * loaded. */
static bool locate_bytes(const struct elf_image *image, const ElfW(Sym) *symbol, struct elf_symbol *out)
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	memcpy(&header, image->bytes, sizeof(header));
	for (unsigned i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, image->bytes + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_LOAD || symbol->st_value < segment.p_vaddr)
			continue;
		uint64_t into = symbol->st_value - segment.p_vaddr;

		if (into > segment.p_memsz || symbol->st_size > segment.p_memsz - into)
			continue;
		uint64_t filled = into < segment.p_filesz ? segment.p_filesz - into : 0;

		out->value = symbol->st_value;
		out->size = (size_t)symbol->st_size;
		out->bytes_size = (size_t)(filled < symbol->st_size ? filled : symbol->st_size);
		out->bytes = image->bytes + segment.p_offset + (out->bytes_size ? into : 0);
		return true;
	}
	return false;
}

/* True when the symbol is name, defined, exported and a data object. */
static bool fits(const ElfW(Sym) *symbol, const char *names, uint64_t names_size, const char *name)
{
	size_t length = strlen(name) + 1;
	unsigned bind = ELF64_ST_BIND(symbol->st_info), visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_name < names_size &&
	       length <= names_size - symbol->st_name && !memcmp(names + symbol->st_name, name, length) &&
	       ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT && bind != STB_LOCAL &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static bool find_in(const struct elf_image *image, const ElfW(Shdr) *table, const ElfW(Shdr) *strings,
		    const char *name, struct elf_symbol *out)
{
	const uint64_t count = table->sh_size / sizeof(ElfW(Sym));
	const uint8_t *symbols = part(image, table->sh_offset, count, sizeof(ElfW(Sym)));
	const char *names = part(image, strings->sh_offset, strings->sh_size, 1);

	for (uint64_t i = 0; symbols && names && i < count; i++) {
		ElfW(Sym) symbol;

		memcpy(&symbol, symbols + i * sizeof(symbol), sizeof(symbol));
		if (fits(&symbol, names, strings->sh_size, name))
			return locate_bytes(image, &symbol, out);
	}
	return false;
}

int elf_find(const struct elf_image *image, const char *name, struct elf_symbol *out,
	     struct plait_error *error)
{
	ElfW(Ehdr) header;
	ElfW(Shdr) table, strings;

	memcpy(&header, image->bytes, sizeof(header));
	const uint8_t *sections = image->bytes + header.e_shoff;

	for (unsigned i = 0; i < header.e_shnum; i++) {
		memcpy(&table, sections + i * sizeof(table), sizeof(table));
		if (table.sh_type != SHT_DYNSYM || table.sh_link >= header.e_shnum)
			continue;
		memcpy(&strings, sections + table.sh_link * sizeof(strings), sizeof(strings));
		if (find_in(image, &table, &strings, name, out))
			return 0;
	}
	return plait_error_set(
		error, PLAIT_ERROR_MISSING, image->file,
		"is a shared object without the symbol %s, so no plugin; "
		"define its protocol with PLAIT_PROTOCOL, and do not strip its section headers",
		name);
}
