/* SPDX-License-Identifier: MIT */
/*
 * Print what documentation has of the table of settings: "man" the settings
 * of gthreadd.ini(5) in mdoc, "sample" conf/gthreadd.ini, "help" the text of
 * --help, "names" the names. Not installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/config/config_priv.h"

#define SAMPLE_WIDTH 78

/* roff: a backslash or a point at the start of a line must not act. */
static void
put_roff(const char *text, size_t n)
{
	if (n > 0 && (*text == '.' || *text == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\\')
			fputs("\\e", stdout);
		else if (text[i] == '-')
			fputs("\\-", stdout);
		else
			putchar(text[i]);
	}
}

/* One sentence in a line, as mdoc wants it; "\n\n" is a paragraph. */
static void
print_text(const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, ". ");
		const char *par = strstr(text, "\n\n");
		size_t n = strlen(text);

		if (par != NULL && (end == NULL || par < end)) {
			put_roff(text, (size_t)(par - text));
			fputs("\n.Pp\n", stdout);
			text = par + 2;
			continue;
		}
		if (end != NULL)
			n = (size_t)(end - text) + 1;
		put_roff(text, n);
		putchar('\n');
		text += n + (end != NULL);
	}
}

/* An argument of a macro: quoted, since blanks and punctuation would part. */
static void
print_quoted(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputs("\"\"", stdout);
		else
			put_roff(text, 1);
	}
	putchar('"');
}

static void
print_flags(const struct gt_setting *s)
{
	struct gt_str rest = gt_str_of(s->aliases), alias;

	fputs(".Pp\nCommand line:\n", stdout);
	if (s->letter != 0)
		printf(".Fl %c ,\n", s->letter);
	printf(".Fl \\-%s", s->name);
	if (s->type == GT_T_BOOL)
		printf(" ,\n.Fl \\-no-%s", s->name);
	puts(" .");
	if (*s->aliases == '\0')
		return;
	fputs("Other names:", stdout);
	while (gt_str_split(&rest, ' ', &alias))
		printf("\n.Cm %.*s%s", (int)alias.n, alias.p,
		       rest.p == NULL ? " ." : " ,");
	putchar('\n');
}

static void
man_setting(const struct gt_setting *s)
{
	int skip = s->metavar[0] == '['; /* in the file it is needed */

	printf(".It Cm %s No = ", s->name);
	if (s->type == GT_T_BOOL)
		puts("Cm true | Cm false");
	else
		printf("Ar %.*s\n", (int)strlen(s->metavar) - 2 * skip,
		       s->metavar + skip);
	print_text(s->text);
	print_flags(s);
	if (s->dflt[0] == '\0') {
		puts("Not set by default.");
	} else {
		fputs("Default:\n.Ql ", stdout);
		print_quoted(s->dflt);
		puts(" .");
	}
	if (s->needs_restart)
		puts("A change needs a restart.");
}

/* One entry for all names that share a reason. */
static void
man_foreign(const struct gt_foreign *f)
{
	const struct gt_foreign *g;

	printf(".It Cm %s", f->name);
	for (g = f + 1; g->name != NULL && strcmp(g->why, f->why) == 0; g++)
		printf(" , Cm %s", g->name);
	putchar('\n');
	if (f->is_refused && f->accepts[0] != '\0')
		printf("Refused, but for\n.Ql %s :\n", f->accepts);
	else
		puts(f->is_refused ? "Refused:" : "Without effect:");
	put_roff(f->why, strlen(f->why));
	puts(".");
}

static void
print_foreign(void)
{
	const struct gt_foreign *f = gt_foreign_table, *last = NULL;

	puts(".Ss Names of gunicorn that do nothing here\n"
	     "Each of the first kind is accepted with one warning, each of "
	     "the second is an error.\n.Bl -tag -width Ds");
	for (; f->name != NULL; last = f++)
		if (last == NULL || strcmp(last->why, f->why) != 0)
			man_foreign(f);
	puts(".El");
}

static void
print_man(void)
{
	for (const struct gt_setting_group *g = gt_setting_groups;
	     g->title != NULL; g++) {
		printf(".Ss %s\n.Bl -tag -width Ds\n", g->title);
		for (size_t i = g[0].first; i < g[1].first; i++)
			man_setting(&gt_setting_table[i]);
		puts(".El");
	}
	print_foreign();
}

static void
comment(const char *text)
{
	struct gt_str rest = gt_str_of(text), word;
	size_t at = 0;

	while (gt_str_split(&rest, ' ', &word)) {
		if (at > 0 && at + 1 + word.n > SAMPLE_WIDTH) {
			putchar('\n');
			at = 0;
		}
		at += (size_t)printf("%s%.*s", at == 0 ? "# " : " ",
		                     (int)word.n, word.p);
	}
	putchar('\n');
}

/*
 * Where the default is gunicorn's, but another value serves most sites better.
 */
static const char *
recommended(const char *name)
{
	return strcmp(name, "request-timeout") == 0 ? "60" : NULL;
}

static void
sample_setting(const struct gt_setting *s)
{
	const char *value = recommended(s->name);
	char line[256];

	snprintf(line, sizeof(line), "%s%s%s", s->summary,
	         s->choices[0] == '\0' ? "" : ": ", s->choices);
	comment(line);
	if (value != NULL) {
		printf("%s = %s\n", s->name, value);
		return;
	}
	printf("#%s =%s%s\n", s->name, s->dflt[0] == '\0' ? "" : " ", s->dflt);
}

static void
print_sample(void)
{
	const struct gt_setting_group *g;

	comment("Settings of gthreadd, read with -c FILE. gthreadd.ini(5) "
	        "explains each. Every setting is here; one behind # shows "
	        "its default, and is not set when that is empty. A comment "
	        "needs a line of its own; "
	        "values are taken as they stand, without quotes.");
	puts("\n[gthreadd]");
	for (g = gt_setting_groups; g->title != NULL; g++) {
		printf("\n## %s\n\n", g->title);
		for (size_t i = g[0].first; i < g[1].first; i++)
			sample_setting(&gt_setting_table[i]);
	}
	puts("\n# Environment variables of the application, NAME = value.\n"
	     "[env]");
}

static void
print_names(void)
{
	for (size_t i = 0; i < GT_SETTINGS; i++)
		puts(gt_setting_table[i].name);
}

int
main(int argc, char *argv[])
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "man") == 0) {
		print_man();
	} else if (strcmp(what, "sample") == 0) {
		print_sample();
	} else if (strcmp(what, "help") == 0) {
		gt_config_help(stdout);
	} else if (strcmp(what, "names") == 0) {
		print_names();
	} else {
		fputs("usage: settings-doc man|sample|help|names\n", stderr);
		return EXIT_FAILURE;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
