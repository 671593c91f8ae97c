/* SPDX-License-Identifier: MIT */
/*
 * PROXY prefaces: octet by octet gives what the whole gave, and what is
 * reported lies inside what was read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/net/proxyproto.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

struct result {
	struct gt_proxy_info info;
	size_t used;
	bool begun;
	enum gt_err rc;
};

/* A copy of its own size: reading behind it is seen. */
static void
parse(struct result *r, enum gt_proxy_mode mode, const char *p, size_t n)
{
	const char *why = NULL;
	char *copy = malloc(n == 0 ? 1 : n);

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	*r = (struct result){0};
	r->rc =
	    gt_proxy_parse(mode, copy, n, &r->info, &r->used, &r->begun, &why);
	MUST(r->rc != GT_PROTO || why != NULL);
	free(copy);
}

static void
check(const struct result *r, enum gt_proxy_mode mode, size_t n)
{
	struct gt_ip ip;

	MUST(r->rc == GT_OK || r->rc == GT_AGAIN || r->rc == GT_PROTO);
	if (r->rc != GT_OK)
		return;
	MUST(r->used <= n && r->used <= GT_PROXY_V2_MAX);
	MUST((r->info.kind == GT_PROXY_ABSENT) == (r->used == 0));
	MUST(mode != GT_PROXY_REQUIRED || r->used > 0);
	if (r->info.kind != GT_PROXY_CLIENT)
		return;
	MUST(gt_ip_parse(gt_str_of(r->info.client.host), &ip) == GT_OK);
	MUST(memcmp(&ip, &r->info.ip, sizeof(ip)) == 0);
	MUST(gt_ip_parse(gt_str_of(r->info.server.host), &ip) == GT_OK);
	MUST(r->info.protocol != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	const char *p = (const char *)octets;
	struct result whole, part;
	size_t i;

	for (int m = GT_PROXY_OFF; m <= GT_PROXY_REQUIRED; m++) {
		parse(&whole, (enum gt_proxy_mode)m, p, n);
		check(&whole, (enum gt_proxy_mode)m, n);
		for (i = 0; i <= n; i++) {
			parse(&part, (enum gt_proxy_mode)m, p, i);
			if (part.rc != GT_AGAIN)
				break;
		}
		MUST(part.rc == whole.rc && part.used == whole.used);
		MUST(part.begun == whole.begun);
		MUST(memcmp(&part.info, &whole.info, sizeof(part.info)) == 0);
	}
	return 0;
}
