/* SPDX-License-Identifier: MIT */
/*
 * The cases of tests/http/corpus (README.md there tells the format) and a
 * driver that feeds one through head parser and body decoder in pieces.
 */
#ifndef TESTS_HTTP_CORPUS_H
#define TESTS_HTTP_CORPUS_H

#include <stdint.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/http/head.h"

struct corpus_case {
	char *name;
	struct gt_buf octets;
	char *expect; /* "ok k=v ...", "error N ...", "again ..." */
	struct gt_http_limits limits;
	uint64_t body_max;
	struct corpus_case *next;
};

/* All cases in the order of the files; a malformed file ends the program. */
struct corpus_case *corpus_load(const char *folder);
void corpus_free(struct corpus_case *c);

/*
 * What comes of c when its octets arrive in pieces that end at cut[0..n) and
 * at the end of all: a line " ok k=v ... ", NUL-terminated, with every key and
 * with the parser's reason. The caller frees it.
 */
char *corpus_run(const struct corpus_case *c, const size_t *cut, size_t n);

#endif
