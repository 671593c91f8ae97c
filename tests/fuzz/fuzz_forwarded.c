/* SPDX-License-Identifier: MIT */
/*
 * Lists of hops: whatever a client sends, the hop that a proxy appends behind
 * it is the one that counts, or the field is refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/http/forwarded.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void
check(const struct gt_forwarded *f)
{
	struct gt_ip ip;

	if (f->found)
		MUST(gt_ip_parse(gt_str_of(f->client.host), &ip) == GT_OK);
}

/* p[0..n) and what the proxy adds; the caller frees it. */
static struct gt_str
append(const uint8_t *p, size_t n, const char *more)
{
	size_t k = strlen(more);
	char *copy = malloc(n + k);

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	memcpy(copy + n, more, k);
	return (struct gt_str){copy, n + k};
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static const char hop[] = ",192.0.2.1", pair[] = ",for=192.0.2.1";
	struct gt_cidr net;
	struct gt_cidr_list trusted = {&net, 1};
	struct gt_forwarded f = {0};
	struct gt_str s;
	const char *why;

	MUST(gt_cidr_parse(GT_STR("10.0.0.0/8"), &net, &why) == GT_OK);
	s = append(octets, n, "");
	gt_forwarded_feed_list(&f, s, &trusted);
	check(&f);
	f = (struct gt_forwarded){0};
	if (gt_forwarded_feed(&f, s, &trusted))
		check(&f);
	free((void *)(uintptr_t)s.p);

	s = append(octets, n, hop);
	f = (struct gt_forwarded){0};
	gt_forwarded_feed_list(&f, s, &trusted);
	MUST(f.found && strcmp(f.client.host, "192.0.2.1") == 0);
	free((void *)(uintptr_t)s.p);

	s = append(octets, n, pair);
	f = (struct gt_forwarded){0};
	if (gt_forwarded_feed(&f, s, &trusted))
		MUST(f.found && strcmp(f.client.host, "192.0.2.1") == 0);
	free((void *)(uintptr_t)s.p);
	return 0;
}
