/* SPDX-License-Identifier: MIT */
/*
 * The compiler of access-log formats: Python's "%(atom)s" text becomes a flat
 * list of steps. Runs at start (the settings check and each worker); what it
 * returns is never changed afterwards.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gthreadd/http/response.h"
#include "stats_priv.h"

enum atom_kind { KIND_TEXT, KIND_NUMBER, KIND_NAMED };

struct atom_entry {
	char letter;
	enum access_atom atom;
	enum atom_kind kind;
};

static const struct atom_entry atom_table[] = {
#define GT_ATOM(letter, id, kind, summary) {letter, ATOM_##id, KIND_##kind},
#include "tbl/atom.def"
#undef GT_ATOM
};

#define WHY_MAX 160
static _Thread_local char why_text[WHY_MAX]; /* what *why points to */

static enum gt_err
refuse(const char **why, const char *what, struct gt_str part)
{
	int n = part.n > 60 ? 60 : (int)part.n;

	snprintf(why_text, sizeof why_text, "%s '%.*s'", what, n, part.p);
	*why = why_text;
	return GT_INVALID;
}

static const struct atom_entry *
find_atom(char letter, bool is_named)
{
	size_t i;

	for (i = 0; i < sizeof atom_table / sizeof *atom_table; i++)
		if (atom_table[i].letter == letter &&
		    (atom_table[i].kind == KIND_NAMED) == is_named)
			return &atom_table[i];
	return NULL;
}

static void
add_literal(struct gt_access_format *f, const char *p, size_t n)
{
	if (n > 0)
		f->op[f->nops++] =
		    (struct access_op){.atom = ATOM_LITERAL, .text = {p, n}};
}

static void
add_atom(struct gt_access_format *f, enum access_atom atom, struct gt_str name)
{
	struct access_op *op = &f->op[f->nops++];

	*op = (struct access_op){.atom = atom, .text = name};
	if (atom == ATOM_FIELD_IN) {
		op->field = gt_field_find(name);
	} else if (atom == ATOM_FIELD_OUT) {
		op->index = f->nout;
		f->out[f->nout++] = name;
	} else if (atom == ATOM_VARIABLE) {
		op->index = f->nenv;
		f->env[f->nenv++] = name;
	}
}

/* key: what stands between the parentheses. NULL: no such atom. */
static const struct atom_entry *
parse_key(struct gt_str key, struct gt_str *name)
{
	if (key.n == 1)
		return find_atom(key.p[0], false);
	if (key.n < 4 || key.p[0] != '{' || key.p[key.n - 2] != '}')
		return NULL;
	*name = (struct gt_str){key.p + 1, key.n - 3};
	return find_atom(key.p[key.n - 1], true);
}

/* One "%(key)s" at p; *used is its length. */
static enum gt_err
parse_atom(struct gt_access_format *f, const char *p, size_t *used,
           const char **why)
{
	const struct atom_entry *entry;
	struct gt_str name = {NULL, 0}, whole;
	const char *end;

	if (p[1] != '(' || (end = strchr(p, ')')) == NULL || end[1] == '\0')
		return refuse(why, "not an atom like %(h)s:", gt_str_of(p));
	whole = (struct gt_str){p, (size_t)(end + 2 - p)};
	entry = parse_key((struct gt_str){p + 2, whole.n - 4}, &name);
	if (entry == NULL)
		return refuse(why, "unknown atom", whole);
	if (end[1] != 's' && !(end[1] == 'd' && entry->kind == KIND_NUMBER))
		return refuse(why, "an atom must end with ')s', not", whole);
	add_atom(f, entry->atom, name);
	*used = whole.n;
	return GT_OK;
}

static enum gt_err
parse_format(struct gt_access_format *f, const char **why)
{
	const char *p = f->text, *percent;
	enum gt_err rc;
	size_t used;

	while ((percent = strchr(p, '%')) != NULL) {
		add_literal(f, p, (size_t)(percent - p));
		if (percent[1] == '%') {
			add_literal(f, percent, 1);
			used = 2;
		} else if ((rc = parse_atom(f, percent, &used, why)) != GT_OK) {
			return rc;
		}
		p = percent + used;
	}
	add_literal(f, p, strlen(p));
	return GT_OK;
}

/* A line is one line: the format may not break it either. */
static enum gt_err
check_octets(const char *format, const char **why)
{
	const char *p;

	for (p = format; *p != '\0'; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
			*why = "the format holds a control character";
			return GT_INVALID;
		}
	}
	return GT_OK;
}

static size_t
count_percent(const char *p)
{
	size_t n = 0;

	for (; *p != '\0'; p++)
		n += *p == '%';
	return n;
}

enum gt_err
gt_access_compile(const char *format, struct gt_access_format **out,
                  const char **why)
{
	struct gt_access_format *f;
	size_t n = count_percent(format) + 1;
	enum gt_err rc;

	*out = NULL;
	*why = "";
	if ((rc = check_octets(format, why)) != GT_OK)
		return rc;
	rc = GT_NOMEM;
	if ((f = calloc(1, sizeof *f)) == NULL)
		return rc;
	f->text = strdup(format);
	f->op = calloc(2 * n, sizeof *f->op);
	f->out = calloc(n, sizeof *f->out);
	f->env = calloc(n, sizeof *f->env);
	if (f->text == NULL || f->op == NULL || f->out == NULL ||
	    f->env == NULL)
		goto fail;
	if ((rc = parse_format(f, why)) != GT_OK)
		goto fail;
	*out = f;
	return GT_OK;
fail:
	gt_access_format_destroy(f);
	return rc;
}

void
gt_access_format_destroy(struct gt_access_format *f)
{
	if (f == NULL)
		return;
	free(f->text);
	free(f->op);
	free(f->out);
	free(f->env);
	free(f);
}

void
gt_access_set_json(struct gt_access_format *f)
{
	f->is_json = true;
}

/*
 * Each '*' is tried with as little as possible; only the last one met may
 * have to take more, so this is n * m steps at most.
 */
static bool
is_match(const char *glob, struct gt_str s)
{
	const char *star = NULL;
	size_t i = 0, from = 0;

	while (i < s.n) {
		if (*glob == '*') {
			star = ++glob;
			from = i;
		} else if (*glob == '?' || (*glob == s.p[i] && *glob != '\0')) {
			glob++;
			i++;
		} else if (star != NULL) {
			glob = star;
			i = ++from;
		} else {
			return false;
		}
	}
	return glob[strspn(glob, "*")] == '\0';
}

const char *
gt_access_find_glob(char *const globs[], size_t n, struct gt_str path)
{
	for (size_t i = 0; i < n; i++)
		if (is_match(globs[i], path))
			return globs[i];
	return NULL;
}

const struct gt_str *
gt_access_wanted_out(const struct gt_access_format *f, size_t *n)
{
	*n = f->nout;
	return f->out;
}

const struct gt_str *
gt_access_wanted_env(const struct gt_access_format *f, size_t *n)
{
	*n = f->nenv;
	return f->env;
}
