/* The defaults of an option table without a configuration. */
#ifndef BASE_OPTION_DEFAULTS_H
#define BASE_OPTION_DEFAULTS_H

#include <plait/option.h>

/* Puts the defaults into *out, the zeroed struct of a sound table. Strings are the table's own; lists stay empty. */
void option_defaults(const struct plait_option *table, void *out);

#endif
