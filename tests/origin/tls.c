/* tls: for who begins a connection with a handshake, by GnuTLS. Who does not
 * is served in the clear, on the same port: so the control requests stay
 * simple, and a test can see what was asked without TLS. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <sys/socket.h>

#include "origin.h"

#ifdef HAVE_GNUTLS
#include <gnutls/gnutls.h>

#define HANDSHAKE_MS 10000
#define HANDSHAKE 0x16		/* first byte of a record (RFC 8446, 5.1) */

static gnutls_certificate_credentials_t credentials;

bool tls_init(const char *cert, const char *key)
{
	int err = gnutls_certificate_allocate_credentials(&credentials);

	if (!err)
		err = gnutls_certificate_set_x509_key_file(credentials, cert,
			key, GNUTLS_X509_FMT_PEM);
	if (err)
		fprintf(stderr, "origin: %s: %s\n", cert, gnutls_strerror(err));
	return !err;
}

static gnutls_session_t session_new(const struct connection *c)
{
	gnutls_session_t s;

	if (gnutls_init(&s, GNUTLS_SERVER))
		return NULL;
	if (gnutls_set_default_priority(s) ||
	    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, credentials)) {
		gnutls_deinit(s);
		return NULL;
	}
	gnutls_transport_set_int(s, c->fd);
	gnutls_handshake_set_timeout(s, HANDSHAKE_MS);
	return s;
}

bool tls_accept(struct connection *c)
{
	unsigned char first;
	gnutls_session_t s;
	int err;

	if (!credentials)
		return true;
	if (recv(c->fd, &first, 1, MSG_PEEK) != 1)
		return false;
	if (first != HANDSHAKE)
		return true;
	s = session_new(c);
	if (!s)
		return false;
	do
		err = gnutls_handshake(s);
	while (err < 0 && !gnutls_error_is_fatal(err));
	if (err < 0) {
		gnutls_deinit(s);
		return false;
	}
	c->tls = s;
	return true;
}

ssize_t tls_receive(struct connection *c, void *buf, size_t len)
{
	ssize_t n;

	do
		n = gnutls_record_recv(c->tls, buf, len);
	while (n < 0 && !gnutls_error_is_fatal((int)n));
	return n;
}

ssize_t tls_send(struct connection *c, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = gnutls_record_send(c->tls, buf, len);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN);
	return n;
}

void tls_end(struct connection *c, bool notify)
{
	if (!c->tls)
		return;
	if (notify)
		gnutls_bye(c->tls, GNUTLS_SHUT_WR);
	gnutls_deinit(c->tls);
	c->tls = NULL;
}

#else

bool tls_init(const char *cert, const char *key)
{
	(void)key;
	fprintf(stderr, "origin: %s: built without TLS\n", cert);
	return false;
}

bool tls_accept(struct connection *c)
{
	(void)c;
	return true;
}

ssize_t tls_receive(struct connection *c, void *buf, size_t len)
{
	return recv(c->fd, buf, len, 0);
}

ssize_t tls_send(struct connection *c, const void *buf, size_t len)
{
	return send(c->fd, buf, len, MSG_NOSIGNAL);
}

void tls_end(struct connection *c, bool notify)
{
	(void)c;
	(void)notify;
}

#endif
