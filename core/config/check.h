/* What a table cannot say: rules between values, and about files. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "core/config/config.h"

/* Fills endpoints and TLS contexts, and adds every problem found; those that another problem could have caused are
 * left out when problems has errors already. */
void config_check(struct config *config, struct problems *problems);

/* Of the listener with that index, whose endpoint is known. */
void config_check_tls(struct config *config, size_t index, struct problems *problems);

/* Of the listener with that index: reads its networks. sound: what is missing was not written. */
void config_check_proxy(struct config *config, size_t index, bool sound, struct problems *problems);

/* Whether a listener with that index that begins without TLS has any use for what it says about TLS; when its protocols
 * are known. */
void config_check_upgrade(const struct config *config, size_t index, struct problems *problems);

/* Fills the access of the listener with that index from its lists, and the files that these name. */
void config_check_access(struct config *config, size_t index, struct problems *problems);

/* Adds a problem for each listener whose address an earlier one has. */
void config_check_clashes(const struct config *config, struct problems *problems);

#endif
