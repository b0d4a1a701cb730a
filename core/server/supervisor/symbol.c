/* Symbol tables of ELF files of this machine's class. Neither the file nor who names it is trusted: it is read, not mapped,
 * for whoever may write to it could cut it meanwhile; and only so much of it, for it may claim to be larger than any. */
#include "core/server/supervisor/symbol.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/server/supervisor/lend.h"

/* The largest table that is looked through: 700,000 symbols. */
#define PART_MOST (16u << 20)

/* A file has two. */
#define TABLES_MOST 2

struct image {
	int fd;
	uint64_t size;
};

/* False: they are not all there. */
static bool read_at(const struct image *image, uint64_t offset, void *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = pread(image->fd, (char *)out + done, len - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

/* count structures of that size there, for the caller to free. NULL: they are not all in the file, or too many. */
static void *part(const struct image *image, uint64_t offset, uint64_t count, size_t each)
{
	if (offset > image->size || count == 0 || count > (image->size - offset) / each ||
	    count > PART_MOST / each)
		return NULL;
	void *bytes = malloc((size_t)count * each);
	if (bytes && !read_at(image, offset, bytes, (size_t)count * each)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* Where the byte at that offset lies in memory, from the beginning of the object. */
static bool to_address(const struct image *image, const ElfW(Ehdr) *head, uint64_t offset, uint64_t *address)
{
	bool known = false;
	ElfW(Phdr) *segments = part(image, head->e_phoff, head->e_phnum, sizeof(*segments));
	for (unsigned i = 0; segments && i < head->e_phnum && !known; i++) {
		const ElfW(Phdr) *one = &segments[i];
		if (one->p_type != PT_LOAD || offset < one->p_offset ||
		    offset - one->p_offset >= one->p_filesz)
			continue;
		*address = offset - one->p_offset + one->p_vaddr;
		known = true;
	}
	free(segments);
	return known;
}

static bool read_name(const struct image *image, const ElfW(Shdr) *strings, uint64_t at, struct symbol *out)
{
	if (strings->sh_offset > image->size || strings->sh_size > image->size - strings->sh_offset ||
	    at >= strings->sh_size)
		return false;
	uint64_t room = strings->sh_size - at, most = sizeof(out->name) - 1;
	memset(out->name, 0, sizeof(out->name));
	return read_at(image, strings->sh_offset + at, out->name, (size_t)(room < most ? room : most));
}

static bool find_in(const struct image *image, const ElfW(Shdr) *table, const ElfW(Shdr) *strings,
		    uint64_t address, struct symbol *out)
{
	size_t count = table->sh_size / sizeof(ElfW(Sym));
	ElfW(Sym) *symbols = part(image, table->sh_offset, count, sizeof(*symbols));
	bool known = false;
	for (size_t i = 0; symbols && i < count && !known; i++) {
		const ElfW(Sym) *one = &symbols[i];
		if ((one->st_info & 0xf) != STT_FUNC || one->st_shndx == SHN_UNDEF ||
		    address < one->st_value || address - one->st_value >= one->st_size)
			continue;
		known = read_name(image, strings, one->st_name, out);
		out->into = address - one->st_value;
	}
	free(symbols);
	return known;
}

static bool look(const struct image *image, uint64_t offset, struct symbol *out)
{
	ElfW(Ehdr) head;
	uint64_t address = 0;
	if (!read_at(image, 0, &head, sizeof(head)) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    !to_address(image, &head, offset, &address))
		return false;
	ElfW(Shdr) *sections = part(image, head.e_shoff, head.e_shnum, sizeof(*sections));
	unsigned tables = 0;
	bool known = false;
	for (unsigned i = 0; sections && i < head.e_shnum && tables < TABLES_MOST && !known; i++) {
		if ((sections[i].sh_type != SHT_SYMTAB && sections[i].sh_type != SHT_DYNSYM) ||
		    sections[i].sh_link >= head.e_shnum)
			continue;
		tables++;
		known = find_in(image, &sections[i], &sections[sections[i].sh_link], address, out);
	}
	free(sections);
	return known;
}

/* Who is root opens nothing that others could have put there: to open some devices is to use them. */
static int open_module(const char *file)
{
	const char *why;
	if (geteuid() == 0)
		return lend_open(file, O_RDONLY, &why);
	return open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool symbol_find(const char *file, uint64_t size, uint64_t offset, struct symbol *symbol)
{
	struct stat found;
	struct image image = { .fd = open_module(file) };
	bool known = false;
	symbol->name[0] = '\0';
	if (image.fd < 0)
		return false;
	if (fstat(image.fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0 &&
	    (size == 0 || (uint64_t)found.st_size == size)) {
		image.size = (uint64_t)found.st_size;
		known = look(&image, offset, symbol);
	}
	close(image.fd);
	if (!known)
		symbol->name[0] = '\0';
	return known;
}
