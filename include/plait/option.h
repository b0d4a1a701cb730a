/* Option tables: bind a JSON key to a member of a struct. From one table come parsing, errors, help and schema. */
#ifndef PLAIT_OPTION_H
#define PLAIT_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>

/* The type of the member an option fills stands at the right. */
enum plait_option_type {
	PLAIT_OPTION_TYPE_END,      /* ends a table */
	PLAIT_OPTION_TYPE_BOOL,     /* bool */
	PLAIT_OPTION_TYPE_INT,      /* int64_t; .choices may add words that stand for numbers */
	PLAIT_OPTION_TYPE_SIZE,     /* uint64_t, bytes; JSON 65536 or "64k"; .choices as for INT */
	PLAIT_OPTION_TYPE_DURATION, /* uint64_t, milliseconds; JSON 1.5 (seconds) or "5m"; .choices as for INT */
	PLAIT_OPTION_TYPE_STRING,  /* const char *, never NULL unless the default is NULL */
	PLAIT_OPTION_TYPE_PATH,    /* const char *, made absolute against the config file's folder */
	PLAIT_OPTION_TYPE_CHOICE,  /* int, the value of the chosen word */
	PLAIT_OPTION_TYPE_STRINGS, /* struct plait_strings */
	PLAIT_OPTION_TYPE_OBJECT,  /* a struct with a table of its own */
	PLAIT_OPTION_TYPE_LIST,    /* struct plait_list of structs with one table */
	PLAIT_OPTION_TYPE_MAP, /* struct plait_list of such structs, each under a name of the user's choice */
	PLAIT_OPTION_TYPE_ANY, /* nothing is stored; the value is read by someone else */
	PLAIT_OPTION_TYPE_TEXTS, /* struct plait_texts: strings, each under a name of the user's choice */
};

/* A word and the value it stands for. A table of these ends with a NULL word. */
struct plait_choice {
	const char *word;
	int value;
	const char *doc; /* may be NULL */
};

struct plait_strings {
	size_t count;
	const char **items;
};

struct plait_texts { /* in the order in which they are written */
	size_t count;
	const char **names;
	const char **items;
};

struct plait_list {
	size_t count;
	void *items;        /* count structs of the table's size in a row */
	const char **names; /* MAP: their names; LIST: NULL */
};

/* One row. Write rows with the macros below, which check the member's type when they are compiled. */
struct plait_option {
	enum plait_option_type type;
	const char *key;
	size_t offset; /* of the member */
	/* The default, written as in JSON but without quotes: "64k", "true", "close"; strings: "a,b". NULL: zero, or
	 * none. */
	const char *fallback;
	bool required;
	/* Allowed range of numbers, of a string's length in bytes, or of a list's length. A max of 0 is none; both 0:
	 * any number at all. For "0 or more" write .max = INT64_MAX. */
	int64_t min, max;
	const struct plait_choice *choices;
	const struct plait_option *table; /* OBJECT, LIST, MAP */
	size_t table_size;                /* sizeof the struct that table fills */
	const char *doc;                  /* one sentence, without a full stop */
};

/* Evaluates to 0; does not compile when the member has another type. */
#define PLAIT_OPTION_CHECK(struct_, member, type)                                                            \
	(0 * sizeof(struct {                                                                                 \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((struct_ *)0)->member), type),      \
				"this option needs a member of type " #type);                                \
		 int unused;                                                                                 \
	 }))

#define PLAIT_OPTION_ROW(type_, key_, struct_, member_, ctype_, ...)                                         \
	{                                                                                                    \
		.type = (type_), .key = (key_),                                                              \
		.offset = offsetof(struct_, member_) + PLAIT_OPTION_CHECK(struct_, member_, ctype_),         \
		__VA_ARGS__                                                                                  \
	}

/* PLAIT_OPTION_SIZE("max_length", struct my_options, max_length, .fallback = "16k", .min = 1, .doc = "...") */
#define PLAIT_OPTION_BOOL(key, struct_, member, ...)                                                         \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_BOOL, key, struct_, member, bool, __VA_ARGS__)
#define PLAIT_OPTION_INT(key, struct_, member, ...)                                                          \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_INT, key, struct_, member, int64_t, __VA_ARGS__)
#define PLAIT_OPTION_SIZE(key, struct_, member, ...)                                                         \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_SIZE, key, struct_, member, uint64_t, __VA_ARGS__)
#define PLAIT_OPTION_DURATION(key, struct_, member, ...)                                                     \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_DURATION, key, struct_, member, uint64_t, __VA_ARGS__)
#define PLAIT_OPTION_STRING(key, struct_, member, ...)                                                       \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_STRING, key, struct_, member, const char *, __VA_ARGS__)
#define PLAIT_OPTION_PATH(key, struct_, member, ...)                                                         \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_PATH, key, struct_, member, const char *, __VA_ARGS__)
#define PLAIT_OPTION_CHOICE(key, struct_, member, choices_, ...)                                             \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_CHOICE, key, struct_, member, int, .choices = (choices_),         \
			 __VA_ARGS__)
#define PLAIT_OPTION_STRINGS(key, struct_, member, ...)                                                      \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_STRINGS, key, struct_, member, struct plait_strings, __VA_ARGS__)
#define PLAIT_OPTION_TEXTS(key, struct_, member, ...)                                                        \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_TEXTS, key, struct_, member, struct plait_texts, __VA_ARGS__)
#define PLAIT_OPTION_OBJECT(key_, struct_, member, table_, ...)                                              \
	{                                                                                                    \
		.type = PLAIT_OPTION_TYPE_OBJECT, .key = (key_), .offset = offsetof(struct_, member),        \
		.table = (table_), .table_size = sizeof(((struct_ *)0)->member), __VA_ARGS__                 \
	}
#define PLAIT_OPTION_LIST(key, struct_, member, table_, item_, ...)                                          \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_LIST, key, struct_, member, struct plait_list, .table = (table_), \
			 .table_size = sizeof(item_), __VA_ARGS__)
#define PLAIT_OPTION_MAP(key, struct_, member, table_, item_, ...)                                           \
	PLAIT_OPTION_ROW(PLAIT_OPTION_TYPE_MAP, key, struct_, member, struct plait_list, .table = (table_),  \
			 .table_size = sizeof(item_), __VA_ARGS__)
#define PLAIT_OPTION_END                                                                                     \
	{                                                                                                    \
		.type = PLAIT_OPTION_TYPE_END                                                                \
	}

#endif
