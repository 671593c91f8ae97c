/* SPDX-License-Identifier: MIT */
/*
 * Command lines, the real one and those in GUNICORN_CMD_ARGS and GTHREADD_ARGS,
 * by getopt_long. Its options are made from the table: every name and alias, a
 * --no- form of every BOOL, and the commands that are no settings.
 * Not re-entrant, as getopt is not.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config_priv.h"

/* What getopt_long returns: a letter, or one of these and an index. */
enum {
	CODE_POSITIONAL = 1,
	CODE_COMMAND = 0x1000,
	CODE_SETTING = 0x2000,
	CODE_NEGATED = 0x3000, /* --no- of a BOOL */
	CODE_FOREIGN = 0x4000,
	CODE_KIND = 0xf000,
	CODE_INDEX = 0x0fff,
};

const struct gt_command gt_command_table[] = {
    {"config", "FILE", "read settings from an INI file, or a gunicorn config",
     GT_ACTION_RUN, 'c'},
    {"import-gunicorn", "FILE", "print a gunicorn config as INI, then exit",
     GT_ACTION_IMPORT, 0},
    {"check-config", "", "check settings and application, then exit",
     GT_ACTION_CHECK, 0},
    {"print-config", "", "print every setting and its origin, then exit",
     GT_ACTION_PRINT, 0},
    {"help", "", "print this list, then exit", GT_ACTION_HELP, 'h'},
    {"version", "", "print the version, then exit", GT_ACTION_VERSION, 'v'},
    {NULL, NULL, NULL, GT_ACTION_RUN, 0},
};

struct options {
	struct option *v; /* ends with zeros, as getopt_long wants it */
	size_t n, cap;
	size_t nown; /* those behind are foreign: nobody means them */
	char letters[3 + 2 * 64];
	struct gt_arena mem; /* v and its names */
	bool nomem;
};

struct line {
	struct gt_config *c;
	struct gt_origin at;
	struct options o;
	const char *app;
	bool is_confused; /* an unknown option: its value looks positional */
};

/* Room for one more and the end. Errors: nomem. */
static void
grow(struct options *o)
{
	size_t cap = o->cap == 0 ? 64 : 2 * o->cap;
	struct option *v;

	if (o->n + 1 < o->cap)
		return;
	if ((v = gt_arena_alloc(&o->mem, cap * sizeof(*v))) == NULL) {
		o->nomem = true;
		return;
	}
	if (o->n > 0)
		memcpy(v, o->v, o->n * sizeof(*v));
	o->v = v;
	o->cap = cap;
}

static void
add_long(struct options *o, const char *prefix, struct gt_str name, int has_arg,
         int code)
{
	size_t len = strlen(prefix);
	char *text = gt_arena_alloc(&o->mem, len + name.n + 1);

	grow(o);
	if (text == NULL)
		o->nomem = true;
	if (o->nomem)
		return;
	memcpy(text, prefix, len);
	memcpy(text + len, name.p, name.n);
	text[len + name.n] = '\0';
	o->v[o->n++] = (struct option){text, has_arg, NULL, code};
	o->v[o->n] = (struct option){NULL, 0, NULL, 0};
}

static void
add_letter(struct options *o, char letter, bool has_arg)
{
	size_t n = strlen(o->letters);

	if (letter == 0)
		return;
	snprintf(o->letters + n, sizeof(o->letters) - n, "%c%s", letter,
	         has_arg ? ":" : "");
}

static void
add_setting(struct options *o, int i)
{
	const struct gt_setting *s = &gt_setting_table[i];
	struct gt_str rest = gt_str_of(s->aliases), name = gt_str_of(s->name);
	bool is_bool = s->type == GT_T_BOOL;

	add_letter(o, s->letter, !is_bool);
	do {
		if (name.n == 0)
			continue;
		add_long(o, "", name,
		         gt_setting_is_optional(s) ? optional_argument
		                                   : required_argument,
		         CODE_SETTING + i);
		if (is_bool)
			add_long(o, "no-", name, no_argument, CODE_NEGATED + i);
	} while (gt_str_split(&rest, ' ', &name));
}

static void
add_foreign(struct options *o, int i)
{
	const struct gt_foreign *f = &gt_foreign_table[i];
	struct gt_str rest = gt_str_of(f->aliases), name = gt_str_of(f->name);

	do {
		if (name.n > 0)
			add_long(o, "", name,
			         f->has_value ? required_argument
			                      : optional_argument,
			         CODE_FOREIGN + i);
	} while (gt_str_split(&rest, ' ', &name));
}

/* '-': what is no option comes in its place, ':': a lacking value is told. */
static void
make_options(struct options *o)
{
	strncpy(o->letters, "-:", sizeof(o->letters) - 1);
	for (int i = 0; gt_command_table[i].name != NULL; i++) {
		const struct gt_command *k = &gt_command_table[i];
		bool has_arg = k->metavar[0] != '\0';

		add_letter(o, k->letter, has_arg);
		add_long(o, "", gt_str_of(k->name),
		         has_arg ? required_argument : no_argument,
		         CODE_COMMAND + i);
	}
	for (int i = 0; i < GT_SETTINGS; i++)
		add_setting(o, i);
	o->nown = o->n;
	for (int i = 0; gt_foreign_table[i].name != NULL; i++)
		add_foreign(o, i);
}

static int
code_of_letter(int letter)
{
	for (int i = 0; gt_command_table[i].name != NULL; i++)
		if (gt_command_table[i].letter == letter)
			return CODE_COMMAND + i;
	for (int i = 0; i < GT_SETTINGS; i++)
		if (gt_setting_table[i].letter == letter)
			return CODE_SETTING + i;
	return letter;
}

static void
take_command(struct line *l, const struct gt_command *k, const char *value)
{
	if (k->action == GT_ACTION_RUN) { /* the highest level is read first */
		if (l->c->ini != NULL && l->c->ini_origin.level > l->at.level)
			return;
		l->c->ini = gt_arena_strdup(&l->c->mem, gt_str_of(value));
		l->c->ini_origin = l->at;
		l->c->nomem |= l->c->ini == NULL;
		return;
	}
	if (k->action == GT_ACTION_IMPORT) {
		l->c->import_path =
		    gt_arena_strdup(&l->c->mem, gt_str_of(value));
		l->c->nomem |= l->c->import_path == NULL;
	}
	if (k->action > l->c->action)
		l->c->action = k->action;
}

static void
take_app(struct line *l, const char *app)
{
	if (l->is_confused)
		return;
	if (l->app != NULL) {
		gt_report_setting(l->c, &l->at, "wsgi-app",
		                  "only one may be given, not '%s' and '%s'",
		                  l->app, app);
		return;
	}
	l->app = app;
	gt_assign_add(l->c, &gt_setting_table[GT_S_app], gt_str_of(app),
	              &l->at);
}

static void
take_setting(struct line *l, const struct gt_setting *s, const char *value)
{
	if (value == NULL)
		value = "true";
	if (*value == '=') /* -w=4, as Python's argparse takes it */
		value++;
	gt_assign_add(l->c, s, gt_str_of(value), &l->at);
}

static void
unknown_option(struct line *l, const char *text)
{
	struct gt_near near;
	char hint[96];
	size_t len = strcspn(text, "=");

	l->is_confused = l->c->part_lost = true;
	if (optopt != 0) {
		gt_report(l->c, &l->at, "option '-%c' is unknown", optopt);
		return;
	}
	gt_near_init(&near, (struct gt_str){text + 2, len - 2});
	for (size_t i = 0; i < l->o.nown; i++)
		gt_near_offer(&near, gt_str_of(l->o.v[i].name));
	gt_report(l->c, &l->at, "option '%.*s' is unknown%s", (int)len, text,
	          gt_near_hint(&near, "--", hint));
}

/* "--proxy-protocol v2": the next word, when it is one of the choices. */
static const char *
next_choice(const struct gt_setting *s, int argc, char *const argv[])
{
	if (optarg != NULL || s->choices[0] == '\0' || optind >= argc ||
	    !gt_setting_is_optional(s) ||
	    gt_setting_choice(s, gt_str_of(argv[optind])) < 0)
		return optarg;
	return argv[optind++];
}

/* text is the argument that getopt has just dealt with. */
static void
take_error(struct line *l, int code, const char *text)
{
	if (code == ':')
		gt_report(l->c, &l->at, "option '%s' needs a value", text);
	else if (optopt >= CODE_COMMAND)
		gt_report(l->c, &l->at, "option '%.*s' takes no value",
		          (int)strcspn(text, "="), text);
	else
		unknown_option(l, text);
}

static void
take_option(struct line *l, int code, int argc, char *const argv[])
{
	const char *text = argv[optind - 1];
	int i = code & CODE_INDEX;

	switch (code & CODE_KIND) {
	case CODE_NEGATED:
		take_setting(l, &gt_setting_table[i], "false");
		break;
	case CODE_SETTING:
		take_setting(l, &gt_setting_table[i],
		             next_choice(&gt_setting_table[i], argc, argv));
		break;
	case CODE_FOREIGN:
		gt_foreign_take(l->c, &gt_foreign_table[i],
		                gt_str_of(optarg == NULL ? "true" : optarg),
		                &l->at);
		break;
	case CODE_COMMAND:
		take_command(l, &gt_command_table[i], optarg);
		break;
	default:
		if (code == CODE_POSITIONAL)
			take_app(l, optarg);
		else
			take_error(l, code, text);
	}
}

static void
parse_line(struct line *l, int argc, char *const argv[])
{
	int code;

	optind = 0; /* glibc: begin anew */
	opterr = 0;
	for (;;) {
		code = getopt_long(argc, argv, l->o.letters, l->o.v, NULL);
		if (code == -1)
			break;
		if (code > CODE_POSITIONAL && code < CODE_COMMAND &&
		    code != '?' && code != ':')
			code = code_of_letter(code);
		take_option(l, code, argc, argv);
	}
	for (; optind < argc; optind++)
		take_app(l, argv[optind]);
}

void
gt_cli_parse(struct gt_config *c, int argc, char *const argv[],
             const struct gt_origin *o)
{
	struct line l = {.c = c, .at = *o};

	make_options(&l.o);
	if (l.o.nomem)
		c->nomem = true;
	else if (argc > 0)
		parse_line(&l, argc, argv);
	gt_arena_fini(&l.o.mem);
}
