/* Preloaded into a server that cannot be told: its TLS contexts give one session ticket, as plait's do, not two. */
#include <dlfcn.h>
#include <openssl/ssl.h>

__attribute__((visibility("default"))) SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
	SSL_CTX *(*real)(const SSL_METHOD *) = NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "SSL_CTX_new");
	SSL_CTX *context = real ? real(method) : NULL;
	if (context)
		SSL_CTX_set_num_tickets(context, 1);
	return context;
}
