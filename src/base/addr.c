/* SPDX-License-Identifier: MIT */
/* Addresses as text; nothing is looked up. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/parse.h"

#define DEFAULT_PORT 8000

/* Copy s into out with a NUL. Errors: GT_RANGE. */
static enum gt_err
copy_text(struct gt_str s, char out[GT_BIND_TEXT])
{
	if (s.n >= GT_BIND_TEXT)
		return GT_RANGE;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return GT_OK;
}

static enum gt_err
parse_path(struct gt_str path, struct gt_bind *out, const char **why)
{
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);

	out->kind = GT_BIND_UNIX;
	if (path.n > 0 && path.p[0] == '@') {
		out->kind = GT_BIND_ABSTRACT;
		path.p++;
		path.n--;
	}
	*why = "path of the socket is missing";
	if (path.n == 0)
		return GT_INVALID;
	*why = "path of a unix socket may have 107 octets at most";
	if (path.n >= room || copy_text(path, out->path) != GT_OK)
		return GT_INVALID;
	return GT_OK;
}

static enum gt_err
parse_fd(struct gt_str digits, struct gt_bind *out, const char **why)
{
	uint64_t fd;

	*why = "fd:// wants the number of an open socket";
	if (gt_parse_decimal(digits, &fd) != GT_OK || fd > 1000000)
		return GT_INVALID;
	out->kind = GT_BIND_FD;
	out->fd = (int)fd;
	return GT_OK;
}

static enum gt_err
parse_port(struct gt_str digits, struct gt_bind *out, const char **why)
{
	uint64_t port;

	*why = "port must be a number from 0 to 65535";
	if (gt_parse_decimal(digits, &port) != GT_OK || port > 65535)
		return GT_INVALID;
	out->port = (unsigned)port;
	return GT_OK;
}

/* "[v6]" or "[v6]:PORT": host becomes v6, rest what follows the bracket. */
static enum gt_err
take_brackets(struct gt_str s, struct gt_str *host, struct gt_str *rest,
              const char **why)
{
	const char *end = memchr(s.p, ']', s.n);

	*why = "']' is missing";
	if (end == NULL)
		return GT_INVALID;
	*host = (struct gt_str){s.p + 1, (size_t)(end - s.p - 1)};
	*rest = (struct gt_str){end + 1, s.n - host->n - 2};
	*why = "only ':PORT' may follow ']'";
	return rest->n > 0 && rest->p[0] != ':' ? GT_INVALID : GT_OK;
}

/* The system takes a number for an address: 8000 would be 0.0.31.64. */
static bool
is_number(struct gt_str s)
{
	uint64_t n;

	return gt_parse_decimal(s, &n) == GT_OK;
}

static enum gt_err
parse_tcp(struct gt_str s, struct gt_bind *out, const char **why)
{
	struct gt_str host = s, rest = {NULL, 0};
	const char *colon;
	enum gt_err rc;

	out->kind = GT_BIND_TCP;
	out->port = DEFAULT_PORT;
	if (s.n > 0 && s.p[0] == '[') {
		if ((rc = take_brackets(s, &host, &rest, why)) != GT_OK)
			return rc;
	} else if (s.n > 0 && (colon = memchr(s.p, ':', s.n)) != NULL) {
		host.n = (size_t)(colon - s.p);
		rest = (struct gt_str){colon, s.n - host.n};
		*why = "an address is no URL: 127.0.0.1:8000";
		if (gt_str_has_prefix(rest, GT_STR("://")))
			return GT_INVALID;
		*why = "an IPv6 address stands in brackets: [::1]:8000";
		if (memchr(colon + 1, ':', rest.n - 1) != NULL)
			return GT_INVALID;
	}
	*why = "a number is no host: a port is written :8000";
	if (is_number(host))
		return GT_INVALID;
	*why = "host name is too long";
	if (host.n == 0)
		host = GT_STR("0.0.0.0");
	if (copy_text(host, out->host) != GT_OK)
		return GT_INVALID;
	if (rest.n == 0)
		return GT_OK;
	return parse_port((struct gt_str){rest.p + 1, rest.n - 1}, out, why);
}

static bool
take_scheme(struct gt_str *s, struct gt_str scheme)
{
	if (!gt_str_has_prefix(*s, scheme))
		return false;
	s->p += scheme.n;
	s->n -= scheme.n;
	return true;
}

enum gt_err
gt_bind_parse(struct gt_str s, struct gt_bind *out, const char **why)
{
	*out = (struct gt_bind){.fd = -1};
	if (take_scheme(&s, GT_STR("fd://")))
		return parse_fd(s, out, why);
	if (take_scheme(&s, GT_STR("unix:"))) {
		take_scheme(&s, GT_STR("//"));
		return parse_path(s, out, why);
	}
	take_scheme(&s, GT_STR("tcp://"));
	return parse_tcp(s, out, why);
}

/* n < 65536 in decimal, without a NUL; returns its end. No snprintf: every
 * connection has an address. */
static char *
put_number(char *p, unsigned n)
{
	if (n >= 10)
		p = put_number(p, n / 10);
	*p++ = (char)('0' + n % 10);
	return p;
}

static void
put_v4(char *p, const void *addr)
{
	const unsigned char *octet = addr;

	for (int i = 0; i < 4; i++) {
		p = put_number(p, octet[i]);
		*p++ = i < 3 ? '.' : '\0';
	}
}

static void
text_of_v6(const struct sockaddr_in6 *in6, struct gt_addr_text *out)
{
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		put_v4(out->host, &in6->sin6_addr.s6_addr[12]);
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, out->host,
		          sizeof(out->host));
	*put_number(out->port, ntohs(in6->sin6_port)) = '\0';
}

static void
text_of_v4(const struct sockaddr_in *in, struct gt_addr_text *out)
{
	put_v4(out->host, &in->sin_addr);
	*put_number(out->port, ntohs(in->sin_port)) = '\0';
}

void
gt_addr_text(const struct sockaddr *sa, struct gt_addr_text *out)
{
	out->host[0] = out->port[0] = '\0';
	if (sa->sa_family == AF_INET)
		text_of_v4((const void *)sa, out);
	else if (sa->sa_family == AF_INET6)
		text_of_v6((const void *)sa, out);
}

static void
format_unix(const struct sockaddr_un *un, socklen_t len, char out[GT_ADDR_TEXT])
{
	size_t n = len - offsetof(struct sockaddr_un, sun_path);

	if (len <= offsetof(struct sockaddr_un, sun_path))
		snprintf(out, GT_ADDR_TEXT, "unix:");
	else if (un->sun_path[0] == '\0')
		snprintf(out, GT_ADDR_TEXT, "unix:@%.*s", (int)n - 1,
		         un->sun_path + 1);
	else
		snprintf(out, GT_ADDR_TEXT, "unix:%.*s", (int)n, un->sun_path);
}

void
gt_addr_format(const struct sockaddr *sa, socklen_t len, char out[GT_ADDR_TEXT])
{
	struct gt_addr_text t;
	bool v6;

	if (sa->sa_family == AF_UNIX) {
		format_unix((const void *)sa, len, out);
		return;
	}
	gt_addr_text(sa, &t);
	v6 = strchr(t.host, ':') != NULL;
	snprintf(out, GT_ADDR_TEXT, "%s%.64s%s:%s", v6 ? "[" : "", t.host,
	         v6 ? "]" : "", t.port);
}

enum gt_err
gt_addr_unix(const char *path, bool is_abstract, struct sockaddr_un *out,
             socklen_t *len)
{
	size_t n = strlen(path);

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n >= sizeof(out->sun_path)) {
		errno = ENAMETOOLONG;
		return GT_SYS;
	}
	/* An abstract name begins with NUL and has none at its end. */
	memcpy(out->sun_path + is_abstract, path, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return GT_OK;
}
