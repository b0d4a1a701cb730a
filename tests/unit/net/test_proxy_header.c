/* PROXY headers by hand, whole, cut at each byte and with bytes behind them; what is shown of them; and those that we
 * write. */
#include <stdlib.h>
#include <string.h>

#include "core/net/proxy/crc32c.h"
#include "core/net/proxy/told.h"
#include "core/net/proxy/write.h"
#include "tests/unit/net/proxy_headers.h"
#include "tests/unit/suite.h"

/* In a block of its own length, so that a sanitizer sees who reads on. */
static enum proxy_verdict read_part(const struct proxy_sample *sample, size_t len, const char *behind,
				    struct proxy_header *header)
{
	size_t more = strlen(behind);
	uint8_t *block = malloc(len + more + !(len + more));
	memcpy(block, sample->bytes, len);
	memcpy(block + len, behind, more);
	enum proxy_verdict verdict = proxy_header_read(block, len + more, header);
	free(block);
	return verdict;
}

static bool says(const struct proxy_sample *sample, const struct proxy_header *header)
{
	char text[2 * PLAIT_ADDR_TEXT + 2] = "own", from[PLAIT_ADDR_TEXT], to[PLAIT_ADDR_TEXT];
	if (sample->verdict == PROXY_BROKEN)
		return strstr(header->fault, sample->says) != NULL;
	if (sample->verdict != PROXY_DONE)
		return true;
	if (header->addressed)
		snprintf(text, sizeof(text), "%s %s", plait_addr_format(&header->source, from, sizeof(from)),
			 plait_addr_format(&header->destination, to, sizeof(to)));
	return strcmp(text, sample->says) == 0;
}

static void check(const struct proxy_sample *sample, size_t at, bool good)
{
	if (!good)
		printf("# %s, %zu of its %zu bytes\n", sample->name, at, sample->len);
	CU_ASSERT_TRUE(good);
}

static void are_read_whole(void)
{
	struct proxy_header header;
	CU_ASSERT_TRUE(proxy_sample_count >= 60);
	for (size_t i = 0; i < proxy_sample_count; i++) {
		const struct proxy_sample *sample = &proxy_samples[i];
		bool good = read_part(sample, sample->len, "", &header) == sample->verdict &&
			    says(sample, &header) &&
			    (sample->verdict != PROXY_DONE || header.len == sample->len);
		check(sample, sample->len, good);
	}
}

/* As long as a good one is not there, more is wanted; a bad one is bad from some byte on, and stays so. */
static void check_cuts(const struct proxy_sample *sample)
{
	struct proxy_header header;
	bool told = false;
	for (size_t at = 0; at < sample->len; at++) {
		enum proxy_verdict verdict = read_part(sample, at, "", &header);
		bool fails = sample->verdict == PROXY_BROKEN || sample->verdict == PROXY_NONE;
		bool over = fails && verdict == sample->verdict;
		check(sample, at, over || (!told && verdict == PROXY_MORE));
		check(sample, at, !fails || sample->seen_at == 0 || over == (at >= sample->seen_at));
		told = over;
	}
}

static void are_read_from_any_cut(void)
{
	for (size_t i = 0; i < proxy_sample_count; i++)
		check_cuts(&proxy_samples[i]);
}

static void end_where_the_protocol_begins(void)
{
	static const char *const behind[] = { "x", "\r\n", "PROXY UNKNOWN\r\n", "\x16\3\1" };
	struct proxy_header header;
	for (size_t i = 0; i < proxy_sample_count; i++) {
		const struct proxy_sample *sample = &proxy_samples[i];
		for (size_t k = 0; sample->verdict != PROXY_MORE && k < 4; k++) {
			bool good = read_part(sample, sample->len, behind[k], &header) == sample->verdict &&
				    (sample->verdict != PROXY_DONE || header.len == sample->len);
			check(sample, sample->len, good);
		}
	}
}

/* Until it is certain, the bytes may be a protocol's. */
static void begin_with_their_signature(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool begun;
	} starts[] = {
		{ "", 0, false },
		{ "PROX", 4, false },
		{ "PROXY", 5, true },
		{ PROXY_SIGNATURE, PROXY_SIGNATURE_LEN - 1, false },
		{ PROXY_SIGNATURE, PROXY_SIGNATURE_LEN, true },
	};
	struct proxy_header header;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		CU_ASSERT_EQUAL(proxy_header_read((const uint8_t *)starts[i].bytes, starts[i].len, &header),
				PROXY_MORE);
		CU_ASSERT_EQUAL(header.begun, starts[i].begun);
	}
}

static const struct proxy_sample *sample_named(const char *name)
{
	for (size_t i = 0; i < proxy_sample_count; i++) {
		if (strcmp(proxy_samples[i].name, name) == 0)
			return &proxy_samples[i];
	}
	CU_FAIL_FATAL("no such sample");
	return NULL;
}

static struct proxy_told *tell_bytes(const void *bytes, size_t len)
{
	struct proxy_header header;
	CU_ASSERT_EQUAL_FATAL(proxy_header_read(bytes, len, &header), PROXY_DONE);
	struct proxy_told *told = proxy_told_new(&header, bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(told);
	return told;
}

static struct proxy_told *tell(const char *name)
{
	const struct proxy_sample *sample = sample_named(name);
	return tell_bytes(sample->bytes, sample->len);
}

static void show_their_additions(void)
{
	struct proxy_told *told = tell("v2 with alpn and authority");
	size_t len = 0;
	CU_ASSERT_EQUAL(told->shown.version, 2);
	CU_ASSERT_TRUE(told->shown.addressed);
	CU_ASSERT_STRING_EQUAL(told->shown.alpn, "h2");
	CU_ASSERT_STRING_EQUAL(told->shown.authority, "a.test");
	CU_ASSERT_PTR_NULL(told->shown.tls);
	CU_ASSERT_PTR_NULL(told->shown.netns);
	CU_ASSERT_PTR_NULL(told->shown.unique_id);
	CU_ASSERT_NSTRING_EQUAL(plait_proxy_tlv(&told->shown, 1, 0, &len), "h2", 2);
	CU_ASSERT_EQUAL(len, 2);
	CU_ASSERT_PTR_NULL(plait_proxy_tlv(&told->shown, 1, 1, &len));
	CU_ASSERT_PTR_NULL(plait_proxy_tlv(&told->shown, 0xe0, 0, &len));
	free(told);
	told = tell("v2 with a unique id");
	CU_ASSERT_EQUAL_FATAL(told->shown.unique_id_len, 3);
	CU_ASSERT_EQUAL(memcmp(told->shown.unique_id, "\0\1\2", 3), 0);
	free(told);
	told = tell("v2 with a namespace");
	CU_ASSERT_STRING_EQUAL(told->shown.netns, "abc");
	free(told);
}

/* Zero says that nothing is wrong, also where there was no certificate at all. */
static void believe_no_certificate_that_nobody_showed(void)
{
	static const struct {
		uint8_t client, verify;
		bool tls, certificate, verified;
	} cases[] = {
		{ 0, 0, false, false, false }, { 1, 0, true, false, false }, { 1, 1, true, false, false },
		{ 3, 0, true, true, true },    { 3, 1, true, true, false },  { 5, 0, true, true, true },
		{ 2, 0, false, false, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[] = PROXY_SIGNATURE "\x21\0\0\x17"
						  "\x20\0\x14"
						  "\0\0\0\0\0"
						  "\x21\0\7TLSv1.3"
						  "\x22\0\2me";
		bytes[19] = cases[i].client;
		bytes[23] = cases[i].verify;
		struct proxy_told *told = tell_bytes(bytes, sizeof(bytes) - 1);
		CU_ASSERT_EQUAL(told->shown.tls != NULL, cases[i].tls);
		if (told->shown.tls) {
			CU_ASSERT_EQUAL(told->shown.tls->certificate, cases[i].certificate);
			CU_ASSERT_EQUAL(told->shown.tls->verified, cases[i].verified);
			CU_ASSERT_STRING_EQUAL(told->shown.tls->version, "TLSv1.3");
			CU_ASSERT_STRING_EQUAL(told->shown.tls->common_name, "me");
			CU_ASSERT_PTR_NULL(told->shown.tls->cipher);
		}
		free(told);
	}
}

static void show_no_text_that_could_be_taken_for_another(void)
{
	static const struct {
		const char *text;
		size_t len;
		bool shown;
	} cases[] = {
		{ "a.test", 6, true },        { "a\0b", 3, false },      { "a\nb", 3, false },
		{ "\xc3\xa4.test", 7, true }, { "\xe4.test", 6, false }, { "", 0, true },
		{ "a\x1b[0m", 5, false },     { "a\\b", 3, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[64] = PROXY_SIGNATURE "\x21";
		size_t len = 0;
		bytes[15] = (uint8_t)(cases[i].len + 3);
		bytes[16] = 2;
		bytes[18] = (uint8_t)cases[i].len;
		memcpy(bytes + 19, cases[i].text, cases[i].len);
		struct proxy_told *told = tell_bytes(bytes, 19 + cases[i].len);
		CU_ASSERT_EQUAL(told->shown.authority != NULL, cases[i].shown);
		if (told->shown.authority)
			CU_ASSERT_NSTRING_EQUAL(told->shown.authority, cases[i].text, cases[i].len + 1);
		CU_ASSERT_PTR_NOT_NULL(plait_proxy_tlv(&told->shown, 2, 0, &len));
		CU_ASSERT_EQUAL(len, cases[i].len);
		free(told);
	}
}

static void show_paths(void)
{
	struct proxy_told *told = tell("v2 unix");
	CU_ASSERT_STRING_EQUAL(told->shown.source_path, "/a/b");
	CU_ASSERT_STRING_EQUAL(told->shown.destination_path, "@abc");
	CU_ASSERT_EQUAL(told->source.family, PLAIT_FAMILY_UNIX);
	free(told);
	told = tell("v2 unix, paths without an end");
	CU_ASSERT_EQUAL(strlen(told->shown.source_path), PROXY_PATH_MAX);
	CU_ASSERT_EQUAL(strlen(told->shown.destination_path), PROXY_PATH_MAX);
	free(told);
}

static struct plait_addr addr(const char *text)
{
	struct plait_addr out;
	CU_ASSERT_EQUAL_FATAL(plait_addr_parse(text, &out, NULL), 0);
	return out;
}

static void are_written_as_they_are_read(void)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.1:1", "192.0.2.2:65535" },
		{ "[2001:db8::1]:1", "[2001:db8::2]:2" },
		{ "192.0.2.1:1", "[2001:db8::2]:2" },
		{ "[2001:db8::1]:1", "192.0.2.2:2" },
	};
	uint8_t bytes[PROXY_WRITTEN_MAX];
	char id[128];
	memset(id, 7, sizeof(id));
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct plait_proxy_send send = { .source = addr(pairs[i][0]),
						 .destination = addr(pairs[i][1]),
						 .unique_id = id,
						 .unique_id_len = sizeof(id),
						 .authority = "a.test",
						 .checksum = true };
		int len = proxy_header_write(&send, bytes, NULL);
		CU_ASSERT_FATAL(len > 0);
		struct proxy_told *told = tell_bytes(bytes, (size_t)len);
		CU_ASSERT_TRUE(told->shown.addressed);
		CU_ASSERT_TRUE(plait_addr_equal(&told->source, &send.source));
		CU_ASSERT_TRUE(plait_addr_equal(&told->destination, &send.destination));
		CU_ASSERT_STRING_EQUAL(told->shown.authority, "a.test");
		CU_ASSERT_EQUAL(told->shown.unique_id_len, sizeof(id));
		size_t sum_len;
		CU_ASSERT_PTR_NOT_NULL(plait_proxy_tlv(&told->shown, 3, 0, &sum_len));
		free(told);
	}
}

static void are_written_without_addresses(void)
{
	uint8_t bytes[PROXY_WRITTEN_MAX];
	struct plait_proxy_send send = { 0 };
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), 16);
	CU_ASSERT_EQUAL(bytes[12], 0x20);
	CU_ASSERT_EQUAL(bytes[13], 0);
	send.source.family = send.destination.family = PLAIT_FAMILY_UNIX;
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), 16);
	CU_ASSERT_EQUAL(bytes[12], 0x21);
	CU_ASSERT_EQUAL(bytes[13], 0);
}

static void are_not_written_when_nobody_could_read_them(void)
{
	uint8_t bytes[PROXY_WRITTEN_MAX];
	char authority[PROXY_AUTHORITY_MAX + 2] = "";
	struct plait_error error;
	struct plait_proxy_send send = { .source = addr("192.0.2.1:1") };
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "both of"));
	send.destination.family = PLAIT_FAMILY_UNIX;
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), PLAIT_ERROR_INVALID);
	send = (struct plait_proxy_send){ .unique_id = authority, .unique_id_len = 129 };
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), PLAIT_ERROR_INVALID);
	memset(authority, 'a', sizeof(authority) - 1);
	send = (struct plait_proxy_send){ .authority = authority };
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), PLAIT_ERROR_INVALID);
	authority[PROXY_AUTHORITY_MAX] = '\0';
	CU_ASSERT_EQUAL(proxy_header_write(&send, bytes, NULL), 16 + 3 + PROXY_AUTHORITY_MAX);
}

static void have_castagnolis_checksum(void)
{
	CU_ASSERT_EQUAL(crc32c(0, "123456789", 9), 0xe3069283);
	CU_ASSERT_EQUAL(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	CU_ASSERT_EQUAL(crc32c(0, "", 0), 0);
}

SUITE_MAIN("proxy_header", SUITE_TEST(are_read_whole), SUITE_TEST(are_read_from_any_cut),
	   SUITE_TEST(end_where_the_protocol_begins), SUITE_TEST(begin_with_their_signature),
	   SUITE_TEST(show_their_additions), SUITE_TEST(believe_no_certificate_that_nobody_showed),
	   SUITE_TEST(show_no_text_that_could_be_taken_for_another), SUITE_TEST(show_paths),
	   SUITE_TEST(are_written_as_they_are_read), SUITE_TEST(are_written_without_addresses),
	   SUITE_TEST(are_not_written_when_nobody_could_read_them), SUITE_TEST(have_castagnolis_checksum))
