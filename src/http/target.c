/* SPDX-License-Identifier: MIT */
/*
 * The request target in its four forms (RFC 9112 section 3.2) and the syntax
 * of a host. Nothing is decoded: spans of path, query and host are found.
 */
#include <arpa/inet.h>

#include "http_priv.h"

#define PORT_MAX 65535

static enum gt_err
refuse(const char **why, const char *text)
{
	*why = text;
	return GT_PROTO;
}

static bool
is_port(struct gt_str s)
{
	unsigned port = 0;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (!gt_ascii_is_digit(s.p[i]))
			return false;
		port = port * 10 + (unsigned)(s.p[i] - '0');
		if (port > PORT_MAX)
			return false;
	}
	return true;
}

/* s is what stands between the brackets of an IP literal. */
static bool
is_ipv6(struct gt_str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (s.n >= sizeof text || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1;
}

/* The octets of a reg-name or IPv4 address at the start of s; 0: none. */
static size_t
reg_name_len(struct gt_str s)
{
	size_t i = 0;

	while (i < s.n && gt_char_is(s.p[i], GT_CHAR_HOST)) {
		if (s.p[i] == '%' &&
		    (s.n - i < 3 || gt_ascii_hex(s.p[i + 1]) < 0 ||
		     gt_ascii_hex(s.p[i + 2]) < 0))
			return 0;
		i++;
	}
	return i;
}

/* The octets of an IP literal with its brackets at the start of s; 0: none. */
static size_t
ip_literal_len(struct gt_str s)
{
	const char *end = memchr(s.p, ']', s.n);

	if (end == NULL ||
	    !is_ipv6((struct gt_str){s.p + 1, (size_t)(end - s.p) - 1}))
		return 0;
	return (size_t)(end - s.p) + 1;
}

bool
gt_host_is_valid(struct gt_str s, bool needs_port)
{
	size_t n;

	if (s.n == 0)
		return false;
	n = s.p[0] == '[' ? ip_literal_len(s) : reg_name_len(s);
	if (n == 0)
		return false;
	if (n == s.n)
		return !needs_port;
	s = (struct gt_str){s.p + n, s.n - n};
	if (s.p[0] != ':' || (needs_port && s.n == 1))
		return false;
	return is_port((struct gt_str){s.p + 1, s.n - 1});
}

/* Path and query from off to the end of the target. */
static void
split_query(struct gt_request *rq, const char *base, uint32_t off)
{
	uint32_t end = rq->target.off + rq->target.len;
	const char *mark = memchr(base + off, '?', end - off);

	rq->path = (struct gt_span){off, end - off};
	if (mark == NULL)
		return;
	rq->path.len = (uint32_t)(mark - base) - off;
	rq->query.off = (uint32_t)(mark - base) + 1;
	rq->query.len = end - rq->query.off;
}

/* The octets of "http://" or "https://" at the start of t; 0: neither. */
static uint32_t
scheme_len(struct gt_str t)
{
	if (t.n >= 7 &&
	    gt_str_eq_icase((struct gt_str){t.p, 7}, GT_STR("http://")))
		return 7;
	if (t.n >= 8 &&
	    gt_str_eq_icase((struct gt_str){t.p, 8}, GT_STR("https://")))
		return 8;
	return 0;
}

static enum gt_err
parse_absolute(struct gt_request *rq, const char *base, const char **why)
{
	struct gt_str t = gt_span_str(base, rq->target);
	uint32_t start = scheme_len(t);
	uint32_t n = start;

	if (start == 0)
		return refuse(why, "target is not of a known form");
	while (n < t.n && t.p[n] != '/' && t.p[n] != '?')
		n++;
	if (!gt_host_is_valid((struct gt_str){t.p + start, n - start}, false))
		return refuse(why, "invalid authority in the target");
	rq->form = GT_TARGET_ABSOLUTE;
	rq->host = (struct gt_span){rq->target.off + start, n - start};
	split_query(rq, base, rq->target.off + n);
	/*
	 * An empty path means "/" (RFC 9110 section 4.2.3), but for OPTIONS,
	 * where it means "*". The head has a slash to point at.
	 */
	if (rq->path.len == 0 && rq->method_id != GT_METHOD_OPTIONS)
		rq->path = (struct gt_span){rq->target.off + start - 1, 1};
	return GT_OK;
}

enum gt_err
gt_target_parse(struct gt_request *rq, const char *base, const char **why)
{
	struct gt_str t = gt_span_str(base, rq->target);

	if (!gt_octets_are_above(t.p, t.n, '!'))
		return refuse(why, "invalid character in the target");
	if (memchr(t.p, '#', t.n) != NULL)
		return refuse(why, "fragment in the target");
	if (rq->method_id == GT_METHOD_CONNECT) {
		if (!gt_host_is_valid(t, true))
			return refuse(why, "CONNECT needs host:port");
		rq->form = GT_TARGET_AUTHORITY;
		rq->host = rq->target;
		return GT_OK;
	}
	if (t.p[0] == '/') {
		rq->form = GT_TARGET_ORIGIN;
		split_query(rq, base, rq->target.off);
		return GT_OK;
	}
	if (rq->method_id == GT_METHOD_OPTIONS && gt_str_eq(t, GT_STR("*"))) {
		rq->form = GT_TARGET_ASTERISK;
		return GT_OK;
	}
	return parse_absolute(rq, base, why);
}
