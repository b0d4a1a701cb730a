/* Addresses between plait's form and the sockets API's. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <sys/socket.h>

#include <plait/addr.h>

/* An IPv4-mapped address becomes IPv4. Families plait does not know become PLAIT_FAMILY_NONE; AF_UNIX becomes
 * PLAIT_FAMILY_UNIX with no peer known. */
void addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct plait_addr *out);

/* For a socket of the given family (AF_INET or AF_INET6; IPv4 becomes mapped on the latter). Returns the
 * length, or 0 when the address does not fit the family. */
socklen_t addr_to_sockaddr(const struct plait_addr *addr, int family, struct sockaddr_storage *out);

/* An address without a port, "192.0.2.1", "fe80::1%eth0" or "fe80::1%2"; *out has port 0. 0, or -1 when it is none, or
 * there is no such interface. Nothing is looked up. */
int addr_from_host(const char *host, struct plait_addr *out);

#endif
