/* Symbol tables of ELF files of this machine's class; the file is not trusted. */
#include "core/server/supervisor/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	const uint8_t *bytes;
	size_t size;
};

/* count structures of that size there, or NULL: they are not all in the file. */
static const void *part(const struct image *image, uint64_t offset, uint64_t count, size_t each)
{
	if (offset > image->size || offset % 8 != 0 || count > (image->size - offset) / each)
		return NULL;
	return image->bytes + offset;
}

/* Where the byte at that offset lies in memory, from the beginning of the object. */
static bool to_address(const struct image *image, const ElfW(Ehdr) *head, uint64_t offset, uint64_t *address)
{
	const ElfW(Phdr) *segments = part(image, head->e_phoff, head->e_phnum, sizeof(*segments));
	for (unsigned i = 0; segments && i < head->e_phnum; i++) {
		const ElfW(Phdr) *one = &segments[i];
		if (one->p_type != PT_LOAD || offset < one->p_offset ||
		    offset - one->p_offset >= one->p_filesz)
			continue;
		*address = offset - one->p_offset + one->p_vaddr;
		return true;
	}
	return false;
}

static bool find_in(const struct image *image, const ElfW(Shdr) *table, const ElfW(Shdr) *strings,
		    uint64_t address, struct symbol *out)
{
	size_t count = table->sh_size / sizeof(ElfW(Sym));
	const ElfW(Sym) *symbols = part(image, table->sh_offset, count, sizeof(*symbols));
	if (!symbols || strings->sh_offset > image->size ||
	    strings->sh_size > image->size - strings->sh_offset)
		return false;
	for (size_t i = 0; i < count; i++) {
		const ElfW(Sym) *one = &symbols[i];
		if ((one->st_info & 0xf) != STT_FUNC || one->st_shndx == SHN_UNDEF ||
		    address < one->st_value || address - one->st_value >= one->st_size ||
		    one->st_name >= strings->sh_size)
			continue;
		const char *name = (const char *)image->bytes + strings->sh_offset + one->st_name;
		size_t room = (size_t)(strings->sh_size - one->st_name);
		snprintf(out->name, sizeof(out->name), "%.*s", room < sizeof(out->name) ? (int)room : 127,
			 name);
		out->into = address - one->st_value;
		return true;
	}
	return false;
}

static bool look(const struct image *image, uint64_t offset, struct symbol *out)
{
	const ElfW(Ehdr) *head = part(image, 0, 1, sizeof(*head));
	uint64_t address;
	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    !to_address(image, head, offset, &address))
		return false;
	const ElfW(Shdr) *sections = part(image, head->e_shoff, head->e_shnum, sizeof(*sections));
	for (unsigned i = 0; sections && i < head->e_shnum; i++)
		if ((sections[i].sh_type == SHT_SYMTAB || sections[i].sh_type == SHT_DYNSYM) &&
		    sections[i].sh_link < head->e_shnum &&
		    find_in(image, &sections[i], &sections[sections[i].sh_link], address, out))
			return true;
	return false;
}

bool symbol_find(const char *file, uint64_t offset, struct symbol *symbol)
{
	struct stat found;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	void *bytes = fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0
			      ? mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
			      : MAP_FAILED;
	close(fd);
	if (bytes == MAP_FAILED)
		return false;
	struct image image = { .bytes = bytes, .size = (size_t)found.st_size };
	bool known = look(&image, offset, symbol);
	munmap(bytes, image.size);
	return known;
}
