/* What the system said, for a person. */
#ifndef BASE_SYSTEM_TEXT_H
#define BASE_SYSTEM_TEXT_H

/* errno's text, and where somebody can do something about it, what. Good until the next call. */
const char *system_text(int code);

#endif
