/* SPDX-License-Identifier: MIT */
/* Addresses of other programs: text to socket address. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/net/remote.h"

struct spec {
	struct gt_bind where; /* a path, or a host and a port */
	enum gt_remote_kind kind;
	bool has_port;
};

static bool
take_prefix(struct gt_str *s, struct gt_str prefix)
{
	if (!gt_str_has_prefix(*s, prefix))
		return false;
	s->p += prefix.n;
	s->n -= prefix.n;
	return true;
}

/* "PATH", "PATH#dgram", "PATH#stream" */
static enum gt_err
parse_unix(struct gt_str text, struct spec *out, const char **why)
{
	struct gt_str path, kind = text;
	char bind[GT_BIND_TEXT + 8];
	int n;

	out->kind = GT_REMOTE_EITHER;
	gt_str_split(&kind, '#', &path);
	if (kind.p != NULL) {
		if (gt_str_eq(kind, GT_STR("dgram")))
			out->kind = GT_REMOTE_DGRAM;
		else if (gt_str_eq(kind, GT_STR("stream")))
			out->kind = GT_REMOTE_STREAM;
		*why = "after # there must be dgram or stream";
		if (out->kind == GT_REMOTE_EITHER)
			return GT_INVALID;
	}
	*why = "path of a unix socket may have 107 octets at most";
	n = snprintf(bind, sizeof(bind), "unix:%.*s", (int)path.n, path.p);
	if (path.n >= GT_BIND_TEXT || n >= (int)sizeof(bind))
		return GT_INVALID;
	return gt_bind_parse(gt_str_of(bind), &out->where, why);
}

/* A colon behind the brackets of an IPv6 address, or the only one. */
static bool
has_port(struct gt_str s)
{
	const char *end = memchr(s.p, ']', s.n);

	if (end != NULL) {
		s.n -= (size_t)(end - s.p);
		s.p = end;
	}
	return memchr(s.p, ':', s.n) != NULL;
}

static enum gt_err
parse_host(struct gt_str text, struct spec *out, const char **why)
{
	enum gt_err rc;

	*why = "host is missing";
	if (text.n == 0 || text.p[0] == ':')
		return GT_INVALID;
	out->has_port = has_port(text);
	if ((rc = gt_bind_parse(text, &out->where, why)) != GT_OK)
		return rc;
	*why = "must be unix://PATH, udp://HOST:PORT or tcp://HOST:PORT";
	return out->where.kind == GT_BIND_TCP ? GT_OK : GT_INVALID;
}

static enum gt_err
parse(struct gt_str text, struct spec *out, const char **why)
{
	text = gt_str_trim(text);
	out->kind = GT_REMOTE_DGRAM;
	if (take_prefix(&text, GT_STR("unix://")) ||
	    take_prefix(&text, GT_STR("unix:")))
		return parse_unix(text, out, why);
	if (take_prefix(&text, GT_STR("tcp://")))
		out->kind = GT_REMOTE_STREAM;
	else
		(void)take_prefix(&text, GT_STR("udp://"));
	return parse_host(text, out, why);
}

enum gt_err
gt_remote_check(struct gt_str text, const char **why)
{
	struct spec spec;

	return parse(text, &spec, why);
}

/* Errors: GT_INVALID. */
static enum gt_err
fill_unix(const struct gt_bind *where, struct gt_remote_addr *out,
          const char **why)
{
	struct sockaddr_un un;

	*why = "path is too long";
	if (gt_addr_unix(where->path, where->kind == GT_BIND_ABSTRACT, &un,
	                 &out->len) != GT_OK)
		return GT_INVALID;
	memcpy(&out->sa, &un, sizeof(un));
	return GT_OK;
}

static enum gt_err
look_up(const struct spec *spec, unsigned port, struct gt_remote_addr *out,
        const char **why)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype =
	        spec->kind == GT_REMOTE_STREAM ? SOCK_STREAM : SOCK_DGRAM,
	    .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list, *ai;
	char text[8];
	int gai;

	snprintf(text, sizeof(text), "%u", port);
	if ((gai = getaddrinfo(spec->where.host, text, &hints, &list)) != 0) {
		*why = gai_strerror(gai);
		return GT_SYS;
	}
	/* "localhost" is both; such programs often listen on IPv4 alone. */
	for (ai = list; ai->ai_next != NULL && ai->ai_family != AF_INET;)
		ai = ai->ai_next;
	if (ai->ai_family != AF_INET)
		ai = list;
	memcpy(&out->sa, ai->ai_addr, ai->ai_addrlen);
	out->len = ai->ai_addrlen;
	freeaddrinfo(list);
	return GT_OK;
}

enum gt_err
gt_remote_resolve(struct gt_str text, unsigned dflt_port,
                  struct gt_remote_addr *out, const char **why)
{
	struct spec spec = {.has_port = false};
	enum gt_err rc;

	*out = (struct gt_remote_addr){.len = 0};
	if ((rc = parse(text, &spec, why)) != GT_OK)
		return rc;
	out->kind = spec.kind;
	if (spec.where.kind == GT_BIND_TCP)
		return look_up(&spec,
		               spec.has_port ? spec.where.port : dflt_port, out,
		               why);
	return fill_unix(&spec.where, out, why);
}
