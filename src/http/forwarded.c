/* SPDX-License-Identifier: MIT */
/*
 * Lists of hops: X-Forwarded-For and its like, and Forwarded (RFC 7239). They
 * are read once from left to right, which gives what reading from the right
 * would: each hop that is not trusted, and each that cannot be read, makes
 * all before it worthless.
 */
#include <stdio.h>

#include "gthreadd/base/parse.h"
#include "gthreadd/http/forwarded.h"
#include "http_priv.h"

/* ---- one hop ---- */

static bool
take_port(struct gt_str digits, struct gt_addr_text *out)
{
	uint64_t port;

	if (digits.n > 5 || gt_parse_decimal(digits, &port) != GT_OK ||
	    port > 65535)
		return false;
	snprintf(out->port, sizeof(out->port), "%u", (unsigned)port);
	return true;
}

/* The place of the colon before a port in "v4:port"; NULL: there is none. */
static const char *
port_colon(struct gt_str s)
{
	const char *colon = memchr(s.p, ':', s.n);

	if (colon == NULL ||
	    memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)) != NULL)
		return NULL; /* none, or an IPv6 address */
	return colon;
}

/* "v4", "v4:port", "v6", "[v6]", "[v6]:port". */
static bool
parse_node(struct gt_str s, struct gt_ip *ip, struct gt_addr_text *out)
{
	struct gt_str host = s, port = {NULL, 0};
	const char *end;

	*out = (struct gt_addr_text){0};
	if (s.n > 0 && s.p[0] == '[') {
		if ((end = memchr(s.p, ']', s.n)) == NULL)
			return false;
		host = (struct gt_str){s.p + 1, (size_t)(end - s.p) - 1};
		port = (struct gt_str){end + 1, s.n - host.n - 2};
		if (memchr(host.p, ':', host.n) == NULL ||
		    (port.n > 0 && port.p[0] != ':'))
			return false;
	} else if (s.n > 0 && (end = port_colon(s)) != NULL) {
		host.n = (size_t)(end - s.p);
		port = (struct gt_str){end, s.n - host.n};
	}
	if (port.n > 0 &&
	    !take_port((struct gt_str){port.p + 1, port.n - 1}, out))
		return false;
	if (gt_ip_parse(host, ip) != GT_OK)
		return false;
	gt_ip_format(ip, out->host);
	return true;
}

/* The next hop to the right is node; p NULL: it cannot be read. */
static void
add_hop(struct gt_forwarded *f, struct gt_str node,
        const struct gt_cidr_list *trusted)
{
	struct gt_addr_text text;
	struct gt_ip ip;

	if (node.p == NULL || !parse_node(node, &ip, &text)) {
		f->found = false;
		return;
	}
	if (f->found && gt_cidr_list_has(trusted, &ip))
		return;
	f->found = true;
	f->client = text;
}

void
gt_forwarded_feed_list(struct gt_forwarded *f, struct gt_str value,
                       const struct gt_cidr_list *trusted)
{
	struct gt_str part;

	while (gt_str_split(&value, ',', &part)) {
		part = gt_str_trim(part);
		if (part.n > 0) /* RFC 9110 section 5.6.1.2 */
			add_hop(f, part, trusted);
	}
}

/* ---- Forwarded ---- */

struct scanner {
	struct gt_str rest;
	struct gt_str node; /* of the hop's "for"; p NULL: none */
	char text[64];      /* a quoted one without its quotes */
};

static void
skip_blanks(struct scanner *s)
{
	while (s->rest.n > 0 && (s->rest.p[0] == ' ' || s->rest.p[0] == '\t')) {
		s->rest.p++;
		s->rest.n--;
	}
}

static bool
take_octet(struct scanner *s, char c)
{
	if (s->rest.n == 0 || s->rest.p[0] != c)
		return false;
	s->rest.p++;
	s->rest.n--;
	return true;
}

static struct gt_str
take_token(struct scanner *s)
{
	struct gt_str t = {s->rest.p, 0};

	while (s->rest.n > 0 && gt_char_is(s->rest.p[0], GT_CHAR_TOKEN)) {
		s->rest.p++;
		s->rest.n--;
		t.n++;
	}
	return t;
}

/*
 * The rest of a quoted-string, to s->text when is_for; one that is longer
 * than any address is cut: then it is none. false: it does not end.
 */
static bool
take_quoted(struct scanner *s, bool is_for)
{
	size_t n = 0;

	while (s->rest.n > 0 && s->rest.p[0] != '"') {
		if (take_octet(s, '\\') && s->rest.n == 0)
			return false;
		if (is_for && n < sizeof(s->text))
			s->text[n++] = s->rest.p[0];
		s->rest.p++;
		s->rest.n--;
	}
	if (is_for)
		s->node = (struct gt_str){s->text, n};
	return take_octet(s, '"');
}

/* token "=" ( token | quoted-string ). false: it is not. */
static bool
take_pair(struct scanner *s)
{
	struct gt_str name = take_token(s), value;
	bool is_for = gt_str_eq_icase(name, GT_STR("for"));

	if (name.n == 0 || !take_octet(s, '=') || (is_for && s->node.p != NULL))
		return false;
	if (take_octet(s, '"'))
		return take_quoted(s, is_for);
	value = take_token(s);
	/* A port needs quotes, but proxies were seen that send none. */
	if (is_for && value.n > 0 && take_octet(s, ':'))
		value.n += 1 + take_token(s).n;
	if (is_for)
		s->node = value;
	return value.n > 0;
}

/* Pairs up to a comma or the end. false: the field cannot be read on. */
static bool
take_hop(struct scanner *s, bool *is_empty)
{
	*is_empty = true;
	s->node = (struct gt_str){NULL, 0};
	do {
		skip_blanks(s);
		if (s->rest.n > 0 && s->rest.p[0] != ';' &&
		    s->rest.p[0] != ',') {
			*is_empty = false;
			if (!take_pair(s))
				return false;
		}
		skip_blanks(s);
	} while (take_octet(s, ';'));
	return s->rest.n == 0 || s->rest.p[0] == ',';
}

bool
gt_forwarded_feed(struct gt_forwarded *f, struct gt_str value,
                  const struct gt_cidr_list *trusted)
{
	struct scanner s = {.rest = value};
	bool is_empty;

	do {
		if (!take_hop(&s, &is_empty))
			return false;
		if (!is_empty)
			add_hop(f, s.node, trusted);
	} while (take_octet(&s, ','));
	return true;
}
