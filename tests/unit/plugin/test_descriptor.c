/* Tests of the judgement on a plugin's descriptor. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/descriptor.h"
#include "tests/unit/suite.h"

static size_t take(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len;
}

static void hear(struct plait_conn *conn, const void *message, size_t len)
{
	(void)conn;
	(void)message;
	(void)len;
}

static enum plait_frame_verdict next(const void *settings, const uint8_t *data, size_t len,
				     struct plait_frame *frame)
{
	(void)settings;
	(void)data;
	(void)len;
	(void)frame;
	return PLAIT_FRAME_MORE;
}

#define HEAD(name)                                                                                           \
	{                                                                                                    \
		PLAIT_MAGIC, PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR, sizeof(struct plait_protocol),                \
			PLAIT_KIND_PROTOCOL, name                                                            \
	}

static const struct plait_protocol good = { .head = HEAD("good"), .data = take };

static void refuses(const struct plait_protocol *protocol, const char *expected)
{
	struct plait_protocol out;
	struct plait_error error = { 0 };

	CU_ASSERT_EQUAL(descriptor_read("x.so", protocol, &out, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_STRING_EQUAL(error.path, "x.so");
	if (!strstr(error.text, expected)) {
		printf("# wanted: %s\n# found:  %s\n", expected, error.text);
		CU_FAIL("another error text");
	}
}

static void takes_a_good_one(void)
{
	struct plait_protocol out;

	CU_ASSERT_EQUAL(descriptor_check_head("x.so", sizeof(good), &good, sizeof(good), NULL), 0);
	CU_ASSERT_EQUAL(descriptor_read("x.so", &good, &out, NULL), 0);
	CU_ASSERT_EQUAL(memcmp(&good, &out, sizeof(out)), 0);
}

static void cuts_a_longer_one(void)
{
	struct {
		struct plait_protocol protocol;
		void *more[4];
	} longer = { .protocol = good, .more = { &longer, &longer, &longer, &longer } };
	struct {
		struct plait_protocol out;
		char guard[8];
	} room = { .guard = "guarded" };

	longer.protocol.head.size = sizeof(longer);
	CU_ASSERT_EQUAL(descriptor_check_head("x.so", sizeof(longer), &longer, sizeof(longer), NULL), 0);
	CU_ASSERT_EQUAL(descriptor_read("x.so", &longer, &room.out, NULL), 0);
	CU_ASSERT_STRING_EQUAL(room.guard, "guarded");
}

static void head_refuses(size_t symbol_size, const void *bytes, size_t size, const char *expected)
{
	struct plait_error error = { 0 };

	CU_ASSERT_EQUAL(descriptor_check_head("x.so", symbol_size, bytes, size, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, expected));
}

static void reads_no_more_than_there_is(void)
{
	struct plait_protocol odd = good;
	char few[7];

	memcpy(few, &good, sizeof(few));
	for (size_t size = 0; size < sizeof(struct plait_head); size++)
		head_refuses(size, few, size < sizeof(few) ? size : sizeof(few), "has a truncated head");
	head_refuses(sizeof(good), few, 2,
		     "the wrong magic number"); /* a symbol that is zero from its third byte */
	head_refuses(sizeof(good), few, 0, "the wrong magic number 0x00000000");
	head_refuses(sizeof(good) - 8, &good, sizeof(good) - 8, "says that its descriptor has");
	odd.head.size -= 4;
	head_refuses(sizeof(odd), &odd, sizeof(odd), "has a truncated descriptor");
	odd.head.size = sizeof(struct plait_head);
	head_refuses(sizeof(odd), &odd, sizeof(odd), "has a truncated descriptor");
}

static void wants_a_good_name(void)
{
	static const char sixty_five[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct plait_protocol protocol = good, out;

	protocol.head.name = NULL;
	refuses(&protocol, "names no protocol");
	protocol.head.name = "";
	refuses(&protocol, "names no protocol");
	protocol.head.name = "bad name";
	refuses(&protocol, "has the protocol name \"bad name\"; a name is 1 to 64 letters, digits, _ and -");
	protocol.head.name = "gr\xc3\xbc\xc3\x9f";
	refuses(&protocol, "has the protocol name \"gr");
	protocol.head.name = sixty_five;
	refuses(&protocol, "(or longer)");
	protocol.head.name = sixty_five + 1;
	CU_ASSERT_EQUAL(descriptor_read("x.so", &protocol, &out, NULL), 0);
	protocol.head.name = "A-z_09";
	CU_ASSERT_EQUAL(descriptor_read("x.so", &protocol, &out, NULL), 0);
}

static void wants_callbacks_that_fit(void)
{
	struct plait_framing framing = { .name = "framing", .next = next };
	struct plait_protocol protocol = good, out;

	protocol.framing = &framing;
	refuses(&protocol, "a framing but no message callback");
	protocol.message = hear;
	CU_ASSERT_EQUAL(descriptor_read("x.so", &protocol, &out, NULL), 0);
	framing.next = NULL;
	refuses(&protocol, "its framing has no name or no next function");
	protocol = good;
	protocol.data = NULL;
	refuses(&protocol, "none of the callbacks made, data, message and datagram");
	protocol = good;
	protocol.conn_size = SIZE_MAX;
	refuses(&protocol, "beyond 1 GiB");
}

static void wants_a_sound_option_table(void)
{
	struct settings {
		int64_t number;
	};
	static const struct plait_option broken[] = {
		PLAIT_OPTION_INT("number", struct settings, number, .fallback = "many", .doc = "A number"),
		PLAIT_OPTION_END,
	};
	static const struct plait_option sound[] = {
		PLAIT_OPTION_INT("number", struct settings, number, .fallback = "3", .doc = "A number"),
		PLAIT_OPTION_END,
	};
	struct plait_protocol protocol = good, out;

	protocol.options = sound;
	refuses(&protocol, "options but no options_size");
	protocol.options_size = sizeof(struct settings);
	CU_ASSERT_EQUAL(descriptor_read("x.so", &protocol, &out, NULL), 0);
	protocol.options = broken;
	refuses(&protocol, "has a faulty protocol \"good\": option ");
	refuses(&protocol, "; correct its option table");
}

SUITE_MAIN("descriptor", SUITE_TEST(takes_a_good_one), SUITE_TEST(cuts_a_longer_one),
	   SUITE_TEST(reads_no_more_than_there_is), SUITE_TEST(wants_a_good_name),
	   SUITE_TEST(wants_callbacks_that_fit), SUITE_TEST(wants_a_sound_option_table))
