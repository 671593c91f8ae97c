/* SPDX-License-Identifier: MIT */
/*
 * Print what gthreadd-signals(7) has of the table of signals, in mdoc:
 * "master" or "worker". Not installed.
 */
#include <stdio.h>
#include <string.h>

struct entry {
	const char *name;
	const char *text;
};

static const struct entry master[] = {
#define GT_SIGNAL(name, action, text) {#name, text},
#include "../src/arbiter/tbl/signals.def"
};

static const struct entry worker[] = {
#define GT_WORKER_SIGNAL(name, text) {#name, text},
#include "../src/arbiter/tbl/signals.def"
};

/* roff: a hyphen that is meant; nothing here begins with a point. */
static void
put_roff(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '-')
			fputs("\\-", stdout);
		else
			putchar(text[i]);
	}
}

/* Where a sentence or paragraph ends; *skip octets part it from the next. */
static size_t
sentence(const char *text, size_t *skip)
{
	const char *end = strstr(text, ". "), *par = strstr(text, "\n\n");

	*skip = 0;
	if (par != NULL && (end == NULL || par < end)) {
		*skip = 2;
		return (size_t)(par - text);
	}
	if (end == NULL)
		return strlen(text);
	*skip = 1;
	return (size_t)(end - text) + 1;
}

/* One sentence in a line, as mdoc wants it. */
static void
print_entry(const struct entry *e)
{
	const char *text = e->text;
	size_t n, skip;

	printf(".It Dv SIG%s\n", e->name);
	for (; *text != '\0'; text += n + skip) {
		n = sentence(text, &skip);
		put_roff(text, n);
		fputs(skip == 2 ? "\n.Pp\n" : "\n", stdout);
	}
}

static void
print_list(const struct entry *v, size_t n)
{
	puts(".Bl -tag -width SIGWINCH");
	for (size_t i = 0; i < n; i++)
		print_entry(&v[i]);
	puts(".El");
}

int
main(int argc, char *argv[])
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "master") == 0) {
		print_list(master, sizeof(master) / sizeof(master[0]));
	} else if (strcmp(what, "worker") == 0) {
		print_list(worker, sizeof(worker) / sizeof(worker[0]));
	} else {
		fputs("usage: signals-doc master|worker\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
