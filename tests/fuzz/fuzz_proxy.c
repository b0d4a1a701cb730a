/* Fuzz target: PROXY headers. However the input is cut, the answer is the same; what is shown of a header lies inside it; and
 * one that we write says the same again. */
#include <stdlib.h>
#include <string.h>

#include "core/net/proxy/tlv.h"
#include "core/net/proxy/told.h"
#include "core/net/proxy/write.h"
#include "tests/fuzz/fuzz.h"

static void expect(bool good)
{
	if (!good)
		abort();
}

/* Once it was told what it is, more bytes change nothing; of a header every shorter part wants more. */
static void try_cuts(const uint8_t *data, size_t size, enum proxy_verdict whole, size_t len)
{
	size_t most = size < 300 ? size : 300;
	for (size_t at = 0; at < most; at++) {
		struct proxy_header header;
		enum proxy_verdict verdict = proxy_header_read(data, at, &header);
		if (verdict == PROXY_MORE)
			expect(whole != PROXY_DONE || at < len);
		else
			expect(verdict == whole && (whole != PROXY_DONE || (at >= len && header.len == len)));
	}
}

static void try_text(const char *text)
{
	expect(!text || strlen(text) <= PROXY_HEADER_MAX);
}

static void try_tlvs(const struct proxy_told *told)
{
	for (unsigned type = 0; type < 256; type++) {
		size_t len;
		for (unsigned number = 0;; number++) {
			const uint8_t *value = plait_proxy_tlv(&told->shown, type, number, &len);
			if (!value)
				break;
			expect(value >= told->bytes && value + len <= told->bytes + told->tlvs_len);
		}
	}
}

static void try_again(const struct proxy_told *told)
{
	struct plait_proxy_send send = { .source = told->source,
					 .destination = told->destination,
					 .unique_id = told->shown.unique_id,
					 .unique_id_len = told->shown.unique_id_len,
					 .checksum = true };
	uint8_t bytes[PROXY_WRITTEN_MAX];
	struct proxy_header header;
	int len = proxy_header_write(&send, bytes, NULL);
	expect(len > 0 && proxy_header_read(bytes, (size_t)len, &header) == PROXY_DONE);
	bool inet = told->source.family != PLAIT_FAMILY_UNIX;
	expect(header.addressed == inet);
	expect(!inet || (plait_addr_equal(&header.source, &told->source) &&
			 plait_addr_equal(&header.destination, &told->destination)));
}

static void try_told(const struct proxy_header *header, const uint8_t *data)
{
	struct proxy_told *told = proxy_told_new(header, data);
	expect(told != NULL);
	try_text(told->shown.authority);
	try_text(told->shown.alpn);
	try_text(told->shown.netns);
	try_text(told->shown.source_path);
	try_text(told->shown.destination_path);
	if (told->shown.tls) {
		try_text(told->shown.tls->version);
		try_text(told->shown.tls->common_name);
	}
	try_tlvs(told);
	if (header->addressed)
		try_again(told);
	free(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	enum proxy_verdict verdict = proxy_header_read(data, size, &header);
	expect(verdict != PROXY_DONE || (header.len <= size && header.len <= PROXY_HEADER_MAX));
	expect(verdict != PROXY_MORE || size < PROXY_HEADER_MAX);
	expect(verdict != PROXY_BROKEN || header.fault);
	try_cuts(data, size, verdict, header.len);
	if (verdict == PROXY_DONE)
		try_told(&header, data);
	return 0;
}
