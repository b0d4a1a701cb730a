/* Messages that say how long they are: after Twisted's IntNStringReceivers and libhv's unpack settings. */
#ifndef PLAIT_LENGTH_FIELD_H
#define PLAIT_LENGTH_FIELD_H

#include <plait/frame.h>

enum plait_length_coding {
	PLAIT_LENGTH_BIG_ENDIAN,
	PLAIT_LENGTH_LITTLE_ENDIAN,
	PLAIT_LENGTH_VARINT, /* seven bits a byte, the lowest first; all but the last byte have the eighth set */
};

/* Settings of the framings below: a head with the length of the body somewhere in it, then the body. */
struct plait_length_field {
	uint64_t max_length; /* of a body, in bytes */
	size_t offset;       /* of the length field in the head, in bytes */
	size_t size;         /* of the field: 1 to 8 bytes; a varint has at most so many, 1 to 10 */
	enum plait_length_coding coding;
	/* Where the body begins, a varint counted as size bytes long; 0: behind the field. */
	size_t body_offset;
	int64_t adjustment; /* added to what the field says, it is the length of the body */
	bool with_head;     /* head and body are delivered; else the body alone */
};

/* Settings for the commonest: a prefix of 1, 2 or 4 bytes, in network order or little-endian (LE), before so many. */
#define PLAIT_INT8(max_length_)                                                                              \
	{                                                                                                    \
		.max_length = (max_length_), .size = 1                                                       \
	}
#define PLAIT_INT16(max_length_)                                                                             \
	{                                                                                                    \
		.max_length = (max_length_), .size = 2                                                       \
	}
#define PLAIT_INT32(max_length_)                                                                             \
	{                                                                                                    \
		.max_length = (max_length_), .size = 4                                                       \
	}
#define PLAIT_INT16LE(max_length_)                                                                           \
	{                                                                                                    \
		.max_length = (max_length_), .size = 2, .coding = PLAIT_LENGTH_LITTLE_ENDIAN                 \
	}
#define PLAIT_INT32LE(max_length_)                                                                           \
	{                                                                                                    \
		.max_length = (max_length_), .size = 4, .coding = PLAIT_LENGTH_LITTLE_ENDIAN                 \
	}

/* They differ in their defaults: 99999 bytes, or as many as the prefix can say; length_field has those of int32. What is
 * too long is known from the head alone. A length that the adjustment makes negative, and a varint that does not end,
 * end the connection. */
PLAIT_EXPORT extern const struct plait_framing plait_int8_framing;
PLAIT_EXPORT extern const struct plait_framing plait_int16_framing;
PLAIT_EXPORT extern const struct plait_framing plait_int32_framing;
PLAIT_EXPORT extern const struct plait_framing plait_int16le_framing;
PLAIT_EXPORT extern const struct plait_framing plait_int32le_framing;
PLAIT_EXPORT extern const struct plait_framing plait_length_field_framing;

#endif
