/* SPDX-License-Identifier: MIT */
/* PROXY prefaces: what they say, how they may be cut, what is refused. */
#include "../cmocka_all.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/net/proxyproto.h"

#define MARK "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.7:40000 to 10.0.0.1:443 */
#define V4 "\xc0\x00\x02\x07\x0a\x00\x00\x01\x9c\x40\x01\xbb"
#define V6                                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
	"\x9c\x40\x01\xbb"

struct result {
	struct gt_proxy_info info;
	size_t used;
	bool begun;
	const char *why;
	enum gt_err rc;
};

static struct result
parse(enum gt_proxy_mode mode, const char *p, size_t n)
{
	struct result r = {0};
	char *copy = malloc(n + 1);

	assert_non_null(copy);
	memcpy(copy, p, n);
	r.rc =
	    gt_proxy_parse(mode, copy, n, &r.info, &r.used, &r.begun, &r.why);
	free(copy);
	return r;
}

/* One octet more each time: only the last answer may be another. */
static struct result
drip(enum gt_proxy_mode mode, const char *p, size_t n)
{
	struct result whole = parse(mode, p, n), r = {0};
	size_t i;

	for (i = 1; i <= n; i++) {
		r = parse(mode, p, i);
		if (r.rc != GT_AGAIN)
			break;
	}
	assert_int_equal(r.rc, whole.rc);
	assert_int_equal(r.used, whole.used);
	assert_int_equal(r.begun, whole.begun);
	assert_int_equal(r.info.kind, whole.info.kind);
	assert_string_equal(r.info.client.host, whole.info.client.host);
	if (r.rc == GT_OK && r.used > 0)
		assert_int_equal(i, r.used);
	return whole;
}

#define LINE(s)   drip(GT_PROXY_AUTO, s, sizeof(s) - 1)
#define OCTETS(s) LINE(MARK s)

static void
assert_ends(const struct result *r, const char *protocol, const char *client,
            const char *server)
{
	assert_int_equal(r->rc, GT_OK);
	assert_true(r->begun);
	assert_int_equal(r->info.kind, GT_PROXY_CLIENT);
	assert_string_equal(r->info.protocol, protocol);
	assert_string_equal(r->info.client.host, client);
	assert_string_equal(r->info.client.port, "40000");
	assert_string_equal(r->info.server.host, server);
	assert_string_equal(r->info.server.port, "443");
}

static void
version_1_names_both_ends(void **state)
{
	struct result r;
	char text[GT_ADDR_TEXT];

	(void)state;
	r = LINE("PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\nGET /");
	assert_ends(&r, "TCP4", "192.0.2.7", "10.0.0.1");
	assert_int_equal(r.used, 41);
	gt_ip_format(&r.info.ip, text);
	assert_string_equal(text, "192.0.2.7");
	r = LINE("PROXY TCP6 2001:DB8::1 2001:db8::2 40000 443\r\n");
	assert_ends(&r, "TCP6", "2001:db8::1", "2001:db8::2");
	r = LINE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0 "
	         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_int_equal(r.rc, GT_OK);
}

static void
version_1_may_not_know(void **state)
{
	struct result r = LINE("PROXY UNKNOWN\r\n");

	(void)state;
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.info.kind, GT_PROXY_UNKNOWN);
	assert_int_equal(r.used, 15);
	r = LINE("PROXY UNKNOWN ffff::1 whatever 1 2 3 4\r\nGET");
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.info.kind, GT_PROXY_UNKNOWN);
}

static void
version_1_is_one_strict_line(void **state)
{
	static const char *const wrong[] = {
	    "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443 \r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443 1\r\n",
	    "PROXY TCP4  192.0.2.7 10.0.0.1 40000 443\r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 040000 443\r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
	    "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\r\n",
	    "PROXY TCP4 192.0.2.777 10.0.0.1 40000 443\r\n",
	    "PROXY TCP4 2001:db8::1 2001:db8::2 40000 443\r\n",
	    "PROXY TCP6 192.0.2.7 10.0.0.1 40000 443\r\n",
	    "PROXY UDP4 192.0.2.7 10.0.0.1 40000 443\r\n",
	    "PROXY tcp4 192.0.2.7 10.0.0.1 40000 443\r\n",
	    "PROXY \r\n",
	    "PROXY UNKNOWNS\r\n",
	    "PROXY / HTTP/1.1\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct result r =
		    drip(GT_PROXY_AUTO, wrong[i], strlen(wrong[i]));

		if (r.rc != GT_PROTO || !r.begun || r.why == NULL)
			fail_msg("taken: %s", wrong[i]);
	}
}

static void
version_1_has_107_octets_at_most(void **state)
{
	char text[200] = "PROXY UNKNOWN ";
	struct result r;

	(void)state;
	memset(text + 14, 'x', sizeof(text) - 14);
	assert_int_equal(parse(GT_PROXY_V1, text, 106).rc, GT_AGAIN);
	assert_int_equal(parse(GT_PROXY_V1, text, 107).rc, GT_PROTO);
	memcpy(text + 105, "\r\n", 2);
	r = drip(GT_PROXY_V1, text, 107);
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.used, 107);
	memcpy(text + 105, "x\r\n", 3);
	assert_int_equal(drip(GT_PROXY_V1, text, 108).rc, GT_PROTO);
}

static void
version_2_names_both_ends(void **state)
{
	struct result r;

	(void)state;
	r = OCTETS("\x21\x11\0\x0c" V4 "GET /");
	assert_ends(&r, "TCP4", "192.0.2.7", "10.0.0.1");
	assert_int_equal(r.used, 28);
	r = OCTETS("\x21\x21\0\x24" V6);
	assert_ends(&r, "TCP6", "2001:db8::1", "2001:db8::2");
	r = OCTETS("\x21\x12\0\x0c" V4);
	assert_ends(&r, "UDP4", "192.0.2.7", "10.0.0.1");
}

static void
version_2_mapped_clients_are_ipv4(void **state)
{
	struct result r;

	(void)state;
	r = OCTETS("\x21\x21\0\x24"
	           "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"
	           "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01"
	           "\x9c\x40\x01\xbb");
	assert_int_equal(r.rc, GT_OK);
	assert_true(gt_ip_is_v4(&r.info.ip));
	assert_string_equal(r.info.client.host, "192.0.2.7");
}

static void
version_2_tlvs_are_skipped(void **state)
{
	struct result r;

	(void)state;
	r = OCTETS("\x21\x11\0\x17" V4 "\x02\0\x08"
	           "shop.com"
	           "GET /");
	assert_ends(&r, "TCP4", "192.0.2.7", "10.0.0.1");
	assert_int_equal(r.used, 39);
	r = OCTETS("\x20\0\0\x03"
	           "\x04\0\0"
	           "GET /");
	assert_int_equal(r.info.kind, GT_PROXY_LOCAL);
	assert_int_equal(r.used, 19);
}

static void
version_2_without_addresses_keeps_the_peer(void **state)
{
	static const char path[216] = "/run/x";
	char text[16 + 216] = MARK "\x21\x31\0\xd8";
	struct result r;

	(void)state;
	assert_int_equal(OCTETS("\x20\0\0\0").info.kind, GT_PROXY_LOCAL);
	assert_int_equal(OCTETS("\x20\x11\0\x0c" V4).info.kind, GT_PROXY_LOCAL);
	r = OCTETS("\x21\0\0\0");
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.info.kind, GT_PROXY_UNKNOWN);
	memcpy(text + 16, path, sizeof(path));
	r = drip(GT_PROXY_V2, text, sizeof(text));
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.info.kind, GT_PROXY_UNKNOWN);
	assert_int_equal(r.used, 232);
}

static void
version_2_that_is_wrong_is_refused(void **state)
{
	(void)state;
	assert_int_equal(OCTETS("\x11\x11\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x31\x11\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x22\x11\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x13\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x41\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x11\0\x0b" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x21\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x31\0\x0c" V4).rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x11\x0f\xf1").rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x11\xff\xff").rc, GT_PROTO);
	assert_int_equal(OCTETS("\x21\x11\x0f\xf0").rc, GT_AGAIN);
	assert_int_equal(OCTETS("\x21\x11\0\x0c").rc, GT_AGAIN);
}

static void
requests_without_a_preface_pass_but_for_required(void **state)
{
	static const char *const plain[] = {"GET / HTTP/1.1\r\n", "PROPFIND /",
	                                    "PUT /", "PROXYX", "\r\nGET /"};
	static const enum gt_proxy_mode modes[] = {GT_PROXY_V1, GT_PROXY_V2,
	                                           GT_PROXY_AUTO};
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		for (size_t m = 0; m < 3; m++) {
			r = drip(modes[m], plain[i], strlen(plain[i]));
			assert_int_equal(r.rc, GT_OK);
			assert_int_equal(r.info.kind, GT_PROXY_ABSENT);
			assert_int_equal(r.used, 0);
			assert_false(r.begun);
		}
		r = drip(GT_PROXY_REQUIRED, plain[i], strlen(plain[i]));
		assert_int_equal(r.rc, GT_PROTO);
		assert_false(r.begun);
	}
}

static void
a_version_that_is_off_is_no_preface(void **state)
{
	struct result r;

	(void)state;
	r = drip(GT_PROXY_V2, "PROXY UNKNOWN\r\n", 15);
	assert_int_equal(r.info.kind, GT_PROXY_ABSENT);
	assert_int_equal(r.rc, GT_OK);
	r = drip(GT_PROXY_V1, MARK "\x20\0\0\0", 16);
	assert_int_equal(r.info.kind, GT_PROXY_ABSENT);
	assert_int_equal(r.rc, GT_OK);
	r = drip(GT_PROXY_REQUIRED, "PROXY UNKNOWN\r\n", 15);
	assert_int_equal(r.rc, GT_OK);
	r = drip(GT_PROXY_REQUIRED, MARK "\x20\0\0\0", 16);
	assert_int_equal(r.rc, GT_OK);
	r = drip(GT_PROXY_OFF, "PROXY UNKNOWN\r\n", 15);
	assert_int_equal(r.rc, GT_OK);
	assert_int_equal(r.used, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
	    T(version_1_names_both_ends),
	    T(version_1_may_not_know),
	    T(version_1_is_one_strict_line),
	    T(version_1_has_107_octets_at_most),
	    T(version_2_names_both_ends),
	    T(version_2_mapped_clients_are_ipv4),
	    T(version_2_tlvs_are_skipped),
	    T(version_2_without_addresses_keeps_the_peer),
	    T(version_2_that_is_wrong_is_refused),
	    T(requests_without_a_preface_pass_but_for_required),
	    T(a_version_that_is_off_is_no_preface),
	};
#undef T

	return cmocka_run_group_tests_name("net/proxyproto", tests, NULL, NULL);
}
