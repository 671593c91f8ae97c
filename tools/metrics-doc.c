/* SPDX-License-Identifier: MIT */
/*
 * Print what gthreadd-metrics(7) has of the tables: "metrics" the metrics and
 * "ends" the reasons of ended workers in mdoc, "names" the names. Not
 * installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/stats/metrics.h"

/* One sentence in a line, as mdoc wants it. */
static void
print_text(const char *text)
{
	const char *end;

	while ((end = strstr(text, ". ")) != NULL) {
		printf("%.*s\n", (int)(end - text) + 1, text);
		text = end + 2;
	}
	if (*text != '\0')
		puts(text);
}

static void
print_metrics(void)
{
	const struct gt_metric_info *m;

	for (m = gt_metric_table; m->name != NULL; m++) {
		printf(".It Cm " GT_METRIC_PREFIX "%s", m->name);
		if (m->label[0] != '\0')
			printf(" Ns Bro Cm %s Brc", m->label);
		printf(" Pq %s\n", gt_metric_type_name(m->type));
		print_text(m->help);
		print_text(m->more);
	}
}

static void
print_ends(void)
{
	static const struct {
		const char *label, *text;
	} ends[] = {
#define GT_END(id, label, text) {label, text},
#include "../src/arbiter/tbl/ends.def"
#undef GT_END
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		printf(".It Cm %s\n%s.\n", ends[i].label, ends[i].text);
}

static void
print_names(void)
{
	for (const struct gt_metric_info *m = gt_metric_table; m->name != NULL;
	     m++)
		printf(GT_METRIC_PREFIX "%s\n", m->name);
}

int
main(int argc, char *argv[])
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "metrics") == 0) {
		print_metrics();
	} else if (strcmp(what, "ends") == 0) {
		print_ends();
	} else if (strcmp(what, "names") == 0) {
		print_names();
	} else {
		fputs("usage: metrics-doc metrics|ends|names\n", stderr);
		return EXIT_FAILURE;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
