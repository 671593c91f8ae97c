/* SPDX-License-Identifier: MIT */
/*
 * The parser of PROXY prefaces. It keeps no state: it is given all octets of
 * the connection and says when they are enough. No I/O.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gthreadd/base/parse.h"
#include "gthreadd/net/proxyproto.h"

static const struct gt_str v1_mark = {"PROXY ", 6};
static const struct gt_str v2_mark = {"\r\n\r\n\0\r\nQUIT\n", 12};

#define V2_HEAD 16 /* mark, version and command, family, length */

static enum gt_err
refuse(const char **why, const char *text)
{
	*why = text;
	return GT_PROTO;
}

/* GT_OK: p begins with mark; GT_AGAIN: it still may. */
static enum gt_err
match(struct gt_str mark, const char *p, size_t n)
{
	size_t k = n < mark.n ? n : mark.n;

	if (memcmp(p, mark.p, k) != 0)
		return GT_PROTO;
	return n < mark.n ? GT_AGAIN : GT_OK;
}

/* ---- version 1: one line of text ---- */

/* An address of the family that the line has named. */
static bool
take_address(struct gt_str *rest, bool is_v6, struct gt_ip *ip,
             struct gt_addr_text *out)
{
	struct gt_str part;

	if (!gt_str_split(rest, ' ', &part) || gt_ip_parse(part, ip) != GT_OK ||
	    is_v6 != (memchr(part.p, ':', part.n) != NULL))
		return false;
	gt_ip_format(ip, out->host);
	return true;
}

static bool
take_port(struct gt_str *rest, struct gt_addr_text *out)
{
	struct gt_str part;
	uint64_t port;

	if (!gt_str_split(rest, ' ', &part) || part.n > 5 ||
	    (part.n > 1 && part.p[0] == '0') ||
	    gt_parse_decimal(part, &port) != GT_OK || port > 65535)
		return false;
	snprintf(out->port, sizeof(out->port), "%u", (unsigned)port);
	return true;
}

/* line is what stands between "PROXY " and CRLF. */
static enum gt_err
parse_line(struct gt_str line, struct gt_proxy_info *out, const char **why)
{
	struct gt_str rest = line, family = {NULL, 0};
	struct gt_ip server;
	bool is_v6;

	gt_str_split(&rest, ' ', &family);
	if (gt_str_eq(family, GT_STR("UNKNOWN"))) {
		out->kind = GT_PROXY_UNKNOWN;
		return GT_OK;
	}
	is_v6 = gt_str_eq(family, GT_STR("TCP6"));
	if (!is_v6 && !gt_str_eq(family, GT_STR("TCP4")))
		return refuse(why, "PROXY line of an unknown family");
	if (!take_address(&rest, is_v6, &out->ip, &out->client) ||
	    !take_address(&rest, is_v6, &server, &out->server))
		return refuse(why, "PROXY line with an invalid address");
	if (!take_port(&rest, &out->client) ||
	    !take_port(&rest, &out->server) || rest.p != NULL)
		return refuse(why, "PROXY line with an invalid port");
	out->kind = GT_PROXY_CLIENT;
	out->protocol = is_v6 ? "TCP6" : "TCP4";
	return GT_OK;
}

static enum gt_err
parse_v1(const char *p, size_t n, struct gt_proxy_info *out, size_t *used,
         const char **why)
{
	size_t max = n < GT_PROXY_V1_MAX ? n : GT_PROXY_V1_MAX;
	const char *lf = memchr(p, '\n', max);
	size_t len;

	if (lf == NULL && n >= GT_PROXY_V1_MAX)
		return refuse(why, "PROXY line too long");
	if (lf == NULL)
		return GT_AGAIN;
	len = (size_t)(lf - p);
	if (lf[-1] != '\r')
		return refuse(why, "PROXY line with a bare LF");
	*used = len + 1;
	return parse_line((struct gt_str){p + v1_mark.n, len - 1 - v1_mark.n},
	                  out, why);
}

/* ---- version 2: binary ---- */

static unsigned
number16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void
set_end(struct gt_addr_text *out, int family, const char *addr,
        const char *port)
{
	inet_ntop(family, addr, out->host, sizeof(out->host));
	snprintf(out->port, sizeof(out->port), "%u", number16(port));
}

/* Two addresses of n octets, two ports. */
static void
set_ends(struct gt_proxy_info *out, const char *p, bool is_v6)
{
	size_t n = is_v6 ? 16 : 4;
	int family = is_v6 ? AF_INET6 : AF_INET;

	set_end(&out->client, family, p, p + 2 * n);
	set_end(&out->server, family, p + n, p + 2 * n + 2);
	if (is_v6) {
		memcpy(out->ip.octet, p, 16);
		gt_ip_format(&out->ip, out->client.host);
	} else {
		memset(out->ip.octet, 0, 10);
		memset(out->ip.octet + 10, 0xff, 2);
		memcpy(out->ip.octet + 12, p, 4);
	}
	out->kind = GT_PROXY_CLIENT;
}

/* The addresses in the block of len octets behind the head; TLVs follow. */
static enum gt_err
parse_block(const char *p, unsigned len, struct gt_proxy_info *out,
            const char **why)
{
	static const struct {
		unsigned char code;
		unsigned len; /* of its addresses */
		const char *name;
	} families[] = {
	    {0x00, 0, NULL},    {0x11, 12, "TCP4"}, {0x12, 12, "UDP4"},
	    {0x21, 36, "TCP6"}, {0x22, 36, "UDP6"}, {0x31, 216, NULL},
	    {0x32, 216, NULL},
	};
	unsigned char code = (unsigned char)p[13];
	size_t i = 0, n = sizeof(families) / sizeof(families[0]);

	while (i < n && families[i].code != code)
		i++;
	if (i == n)
		return refuse(why, "PROXY preface of an unknown family");
	if (len < families[i].len)
		return refuse(why, "PROXY preface without its addresses");
	out->kind = GT_PROXY_UNKNOWN;
	out->protocol = families[i].name;
	if (out->protocol != NULL)
		set_ends(out, p + V2_HEAD, families[i].len == 36);
	return GT_OK;
}

static enum gt_err
parse_v2(const char *p, size_t n, struct gt_proxy_info *out, size_t *used,
         const char **why)
{
	unsigned len, version, command;

	if (n < V2_HEAD)
		return GT_AGAIN;
	version = (unsigned char)p[12] >> 4;
	command = p[12] & 0xf;
	if (version != 2 || command > 1)
		return refuse(why, "PROXY preface of an unknown version or "
		                   "command");
	len = number16(p + 14);
	if (V2_HEAD + len > GT_PROXY_V2_MAX)
		return refuse(why, "PROXY preface too large");
	if (n < V2_HEAD + len)
		return GT_AGAIN;
	*used = V2_HEAD + len;
	if (command == 1)
		return parse_block(p, len, out, why);
	out->kind = GT_PROXY_LOCAL; /* the addresses are to be ignored */
	return GT_OK;
}

enum gt_err
gt_proxy_parse(enum gt_proxy_mode mode, const char *p, size_t n,
               struct gt_proxy_info *out, size_t *used, bool *begun,
               const char **why)
{
	enum gt_err v1 = GT_PROTO, v2 = GT_PROTO;

	*out = (struct gt_proxy_info){.kind = GT_PROXY_ABSENT};
	*used = 0;
	if (mode != GT_PROXY_OFF && mode != GT_PROXY_V2)
		v1 = match(v1_mark, p, n);
	if (mode != GT_PROXY_OFF && mode != GT_PROXY_V1)
		v2 = match(v2_mark, p, n);
	*begun = v1 == GT_OK || v2 == GT_OK;
	if (v1 == GT_OK)
		return parse_v1(p, n, out, used, why);
	if (v2 == GT_OK)
		return parse_v2(p, n, out, used, why);
	if (v1 == GT_AGAIN || v2 == GT_AGAIN)
		return GT_AGAIN;
	if (mode == GT_PROXY_REQUIRED)
		return refuse(why, "PROXY preface is missing");
	return GT_OK;
}
