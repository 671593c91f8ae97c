/* SPDX-License-Identifier: MIT */
/* Internet addresses and networks; no I/O, nothing is looked up. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "gthreadd/base/cidr.h"
#include "gthreadd/base/parse.h"

#define V4_BITS 96 /* of the prefix ::ffff:0:0 */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void
set_v4(struct gt_ip *ip, const struct in_addr *v4)
{
	memcpy(ip->octet, mapped, sizeof(mapped));
	memcpy(ip->octet + sizeof(mapped), v4, 4);
}

/* is_v4: the text was one of IPv4. */
static enum gt_err
parse_ip(struct gt_str s, struct gt_ip *out, bool *is_v4)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.n >= sizeof(text) || s.n == 0 || memchr(s.p, '\0', s.n) != NULL)
		return GT_INVALID;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*is_v4 = inet_pton(AF_INET, text, &v4) == 1;
	if (*is_v4)
		set_v4(out, &v4);
	else if (inet_pton(AF_INET6, text, out->octet) != 1)
		return GT_INVALID;
	return GT_OK;
}

enum gt_err
gt_ip_parse(struct gt_str s, struct gt_ip *out)
{
	bool is_v4;

	return parse_ip(s, out, &is_v4);
}

bool
gt_ip_of_sockaddr(const struct sockaddr *sa, struct gt_ip *out)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		set_v4(out, &in->sin_addr);
	else if (sa->sa_family == AF_INET6)
		memcpy(out->octet, &in6->sin6_addr, sizeof(out->octet));
	else
		return false;
	return true;
}

bool
gt_ip_is_v4(const struct gt_ip *ip)
{
	return memcmp(ip->octet, mapped, sizeof(mapped)) == 0;
}

void
gt_ip_format(const struct gt_ip *ip, char out[GT_ADDR_TEXT])
{
	if (gt_ip_is_v4(ip))
		inet_ntop(AF_INET, ip->octet + sizeof(mapped), out,
		          GT_ADDR_TEXT);
	else
		inet_ntop(AF_INET6, ip->octet, out, GT_ADDR_TEXT);
}

/* Whether the first bits of a and b are equal. */
static bool
is_same_prefix(const struct gt_ip *a, const struct gt_ip *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	unsigned mask = 0xffu << (8 - rest) & 0xffu;

	if (memcmp(a->octet, b->octet, whole) != 0)
		return false;
	return rest == 0 || ((a->octet[whole] ^ b->octet[whole]) & mask) == 0;
}

static bool
has_host_bits(const struct gt_cidr *c)
{
	for (unsigned bit = c->bits; bit < 128; bit++)
		if ((c->net.octet[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return true;
	return false;
}

enum gt_err
gt_cidr_parse(struct gt_str s, struct gt_cidr *out, const char **why)
{
	struct gt_str rest = s, addr = {NULL, 0};
	uint64_t bits;
	bool is_v4;

	*out = (struct gt_cidr){.bits = 128};
	out->is_any = gt_str_eq(s, GT_STR("*"));
	if (out->is_any)
		return GT_OK;
	gt_str_split(&rest, '/', &addr);
	*why = "is neither an address, nor a network such as 10.0.0.0/8, "
	       "nor '*'";
	if (parse_ip(addr, &out->net, &is_v4) != GT_OK)
		return GT_INVALID;
	if (rest.p == NULL)
		return GT_OK;
	*why = "the number behind '/' is not a prefix length";
	if (gt_parse_decimal(rest, &bits) != GT_OK ||
	    bits > (is_v4 ? 32u : 128u))
		return GT_INVALID;
	out->bits = (unsigned)bits + (is_v4 ? V4_BITS : 0);
	*why = "has bits set behind its prefix";
	return has_host_bits(out) ? GT_INVALID : GT_OK;
}

/* ::/0 is every IPv6 address, but no IPv4 address. */
bool
gt_cidr_has(const struct gt_cidr *c, const struct gt_ip *ip)
{
	if (c->is_any)
		return true;
	if (c->bits < V4_BITS && gt_ip_is_v4(ip))
		return false;
	return is_same_prefix(&c->net, ip, c->bits);
}

bool
gt_cidr_list_has(const struct gt_cidr_list *list, const struct gt_ip *ip)
{
	for (size_t i = 0; i < list->n; i++)
		if (gt_cidr_has(&list->v[i], ip))
			return true;
	return false;
}
