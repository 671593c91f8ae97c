/* SPDX-License-Identifier: MIT */
/* What must hold whatever the input is: else the fuzz target has found it. */
#ifndef GTHREADD_TESTS_FUZZ_MUST_H
#define GTHREADD_TESTS_FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(cond)                                                         \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond); \
			abort();                                           \
		}                                                          \
	} while (0)

#endif
