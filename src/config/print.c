/* SPDX-License-Identifier: MIT */
/*
 * What people read of the table: --help and --print-config.
 */
#include <stdio.h>
#include <string.h>

#include "config_priv.h"

#define HELP_WIDTH 80
#define HELP_LEFT  36 /* column of the summaries */

/* Write text in words from column on, later lines indented to it. */
static void
wrap(FILE *out, const char *text, size_t column)
{
	size_t at = column;
	struct gt_str rest = gt_str_of(text), word;

	while (gt_str_split(&rest, ' ', &word)) {
		if (at > column && at + 1 + word.n > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)column, "");
			at = column;
		}
		if (at > column) {
			fputc(' ', out);
			at++;
		}
		fwrite(word.p, 1, word.n, out);
		at += word.n;
	}
	fputc('\n', out);
}

static void
print_option(FILE *out, char letter, const char *name, const char *metavar,
             const char *summary)
{
	char left[80] = "      ";
	int n = 6;

	if (letter != 0)
		snprintf(left, sizeof(left), "  -%c, ", letter);
	n += snprintf(left + 6, sizeof(left) - 6, "--%s%s%s", name,
	              metavar[0] == '\0' ? "" : " ", metavar);
	if (n + 2 > HELP_LEFT)
		fprintf(out, "%s\n%*s", left, HELP_LEFT, "");
	else
		fprintf(out, "%-*s", HELP_LEFT, left);
	wrap(out, summary, HELP_LEFT);
}

static void
print_setting(FILE *out, const struct gt_setting *s)
{
	bool is_long = s->dflt[0] == '\0' || strlen(s->dflt) > 24;
	/* The manual has all of them. */
	bool is_many = strlen(s->choices) > HELP_WIDTH - HELP_LEFT;
	char name[64], text[256];

	snprintf(name, sizeof(name), "%s%s",
	         s->type == GT_T_BOOL ? "[no-]" : "", s->name);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", s->summary,
	         s->choices[0] == '\0' || is_many ? "" : ": ",
	         is_many ? "" : s->choices, is_long ? "" : " [",
	         is_long ? "" : s->dflt, is_long ? "" : "]");
	print_option(out, s->letter, name, s->metavar, text);
}

void
gt_config_help(FILE *out)
{
	const struct gt_setting_group *g;
	const struct gt_command *k;

	fputs("Usage: gthreadd [OPTION]... MODULE[:NAME]\n"
	      "Serve a WSGI application over HTTP.\n\n",
	      out);
	for (k = gt_command_table; k->name != NULL; k++)
		print_option(out, k->letter, k->name, k->metavar, k->summary);
	for (g = gt_setting_groups; g->title != NULL; g++) {
		fprintf(out, "\n%s:\n", g->title);
		for (size_t i = g[0].first; i < g[1].first; i++)
			print_setting(out, &gt_setting_table[i]);
	}
	fputs("\n[VALUE] is the default. TIME is in seconds, or 500ms, 30s, "
	      "2m, 1h; SIZE is in\noctets, or 64k, 1m, 1g. Options override "
	      "GTHREADD_ARGS, which overrides\nGUNICORN_CMD_ARGS, which "
	      "overrides the file. See gthreadd(8), gthreadd.ini(5).\n",
	      out);
}

/* Who is shown the values, and of what setting. */
struct visit {
	gt_config_visit *fn;
	void *arg;
	const struct gt_setting *s;
	const char *origin;
};

/* One value of a setting; of env the name only, of a secret nothing. */
static void
show_value(const struct visit *v, const char *value)
{
	const char *shown = v->s->type == GT_T_SECRETS ? "***" : value;
	char masked[256];

	if (v->s->type == GT_T_ENV) {
		snprintf(masked, sizeof(masked), "%.*s=***",
		         (int)strcspn(value, "="), value);
		shown = masked;
	}
	v->fn(v->arg, v->s->name, shown, v->origin);
}

static void
show_list(const struct visit *v, const struct gt_strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		show_value(v, list->v[i]);
	if (list->n == 0)
		v->fn(v->arg, v->s->name, "", v->origin);
}

static void
show_scalar(const struct visit *v, const void *field)
{
	struct gt_buf text = {0};

	if (gt_value_format(v->s, field, &text) == GT_OK &&
	    gt_buf_add(&text, "", 1) == GT_OK)
		show_value(v, text.p);
	gt_buf_fini(&text);
}

void
gt_config_each(const struct gt_config *c, gt_config_visit *fn, void *arg)
{
	char origin[GT_ORIGIN_TEXT];

	for (size_t i = 0; i < GT_SETTINGS; i++) {
		const struct visit v = {
		    .fn = fn,
		    .arg = arg,
		    .s = &gt_setting_table[i],
		    .origin = origin,
		};
		const void *field = gt_setting_value(&c->settings, v.s);

		gt_origin_format(&c->origins[i], origin);
		if (gt_setting_is_list(v.s))
			show_list(&v, field);
		else
			show_scalar(&v, field);
	}
}

static void
print_value(void *arg, const char *name, const char *value, const char *origin)
{
	FILE *out = arg;
	int n = fprintf(out, "%s = %s", name, value);

	fprintf(out, "%*s(%s)\n", n < 47 ? 48 - n : 1, "", origin);
}

void
gt_config_print(const struct gt_config *c, FILE *out)
{
	gt_config_each(c, print_value, out);
}
