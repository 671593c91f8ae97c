/* SPDX-License-Identifier: MIT */
/*
 * Every case of tests/http/corpus: what comes of it, and that it does not
 * depend on how the octets were split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "corpus.h"

#define CASES_MIN  150
#define SPLITS     20
#define CUTS_MAX   8
#define OCTETS_MAX 4096

static int
load(void **state)
{
	*state = corpus_load(CORPUS);
	return 0;
}

static int
unload(void **state)
{
	corpus_free(*state);
	return 0;
}

/* Every word of expect is a word of result, which begins and ends blank. */
static bool
holds(const char *result, const char *expect)
{
	char word[OCTETS_MAX];
	size_t n;

	for (; *expect != '\0'; expect += n + (expect[n] == ' ')) {
		n = strcspn(expect, " ");
		assert_true(n + 3 < sizeof word);
		word[0] = ' ';
		memcpy(word + 1, expect, n);
		memcpy(word + 1 + n, " ", 2);
		if (strstr(result, word) == NULL)
			return false;
	}
	return true;
}

static void
each_case_gives_what_it_says(void **state)
{
	const struct corpus_case *c;
	size_t wrong = 0;
	size_t n = 0;
	char *result;

	for (c = *state; c != NULL; c = c->next, n++) {
		result = corpus_run(c, NULL, 0);
		if (!holds(result, c->expect)) {
			print_error("%s: expected %s, got%s\n", c->name,
			            c->expect, result);
			wrong++;
		}
		free(result);
	}
	assert_int_equal(wrong, 0);
	assert_true(n >= CASES_MIN);
}

static void
assert_same(const struct corpus_case *c, const size_t *cut, size_t n)
{
	char *whole = corpus_run(c, NULL, 0);
	char *split = corpus_run(c, cut, n);

	if (strcmp(whole, split) != 0)
		fail_msg("%s: whole:%s, split:%s", c->name, whole, split);
	free(whole);
	free(split);
}

static void
octet_by_octet_gives_the_same(void **state)
{
	const struct corpus_case *c;
	size_t cut[OCTETS_MAX];
	size_t i;

	for (c = *state; c != NULL; c = c->next) {
		assert_true(c->octets.len < OCTETS_MAX);
		for (i = 0; i < c->octets.len; i++)
			cut[i] = i;
		assert_same(c, cut, c->octets.len);
	}
}

static int
compare(const void *a, const void *b)
{
	const size_t *x = a;
	const size_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void
random_splits_give_the_same(void **state)
{
	const struct corpus_case *c;
	size_t cut[CUTS_MAX];
	uint64_t seed = 9112;
	size_t n;
	size_t i;
	int k;

	for (c = *state; c != NULL; c = c->next) {
		for (k = 0; k < SPLITS; k++) {
			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			n = 1 + (seed >> 33) % CUTS_MAX;
			for (i = 0; i < n; i++) {
				seed = seed * 6364136223846793005u +
				       1442695040888963407u;
				cut[i] = (seed >> 33) % (c->octets.len + 1);
			}
			qsort(cut, n, sizeof cut[0], compare);
			assert_same(c, cut, n);
		}
	}
}

static void
names_of_cases_are_unique(void **state)
{
	const struct corpus_case *a;
	const struct corpus_case *b;

	for (a = *state; a != NULL; a = a->next)
		for (b = a->next; b != NULL; b = b->next)
			assert_string_not_equal(a->name, b->name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case_gives_what_it_says),
	    cmocka_unit_test(octet_by_octet_gives_the_same),
	    cmocka_unit_test(random_splits_give_the_same),
	    cmocka_unit_test(names_of_cases_are_unique),
	};

	return cmocka_run_group_tests_name("corpus", tests, load, unload);
}
