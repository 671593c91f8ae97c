/* SPDX-License-Identifier: MIT */
/*
 * Errors and warnings of loading: gathered, so that all are seen at once, and
 * printed by load.c, or written to the log. Each is one line: control octets of
 * a value show as '?'.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gthreadd/base/log.h"

#include "config_priv.h"

void
gt_origin_format(const struct gt_origin *o, char out[GT_ORIGIN_TEXT])
{
	const char *where = o->where == NULL ? "" : o->where;

	switch (o->level) {
	case GT_LEVEL_DEFAULT:
		snprintf(out, GT_ORIGIN_TEXT, "default");
		break;
	case GT_LEVEL_ENV:
	case GT_LEVEL_GUNICORN_ARGS:
	case GT_LEVEL_ARGS:
		snprintf(out, GT_ORIGIN_TEXT, "environment %s", where);
		break;
	case GT_LEVEL_INI:
		if (o->line == 0)
			snprintf(out, GT_ORIGIN_TEXT, "%s", where);
		else
			snprintf(out, GT_ORIGIN_TEXT, "%.300s:%u", where,
			         o->line);
		break;
	case GT_LEVEL_CLI:
		snprintf(out, GT_ORIGIN_TEXT, "command line");
		break;
	case GT_LEVEL_DERIVED:
		snprintf(out, GT_ORIGIN_TEXT, "follows from %s", where);
		break;
	}
}

static void
mask_controls(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			s[i] = '?';
}

/* The message on the heap; NULL when there is no memory. */
GT_PRINTF(2, 0)
static char *
format(struct gt_config *c, const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) >= 0)
		return text;
	c->nomem = true;
	return NULL;
}

/* what is on the heap and is freed here. */
static void
add_error(struct gt_config *c, const struct gt_origin *o, const char *name,
          char *what)
{
	char origin[GT_ORIGIN_TEXT];
	size_t start = c->errors.len;
	enum gt_err rc;

	if (what == NULL)
		return;
	gt_origin_format(o, origin);
	if (name == NULL)
		rc = gt_buf_addf(&c->errors, "gthreadd: %s: %s", origin, what);
	else
		rc = gt_buf_addf(&c->errors, "gthreadd: %s: setting '%s': %s",
		                 origin, name, what);
	free(what);
	if (rc == GT_OK) {
		mask_controls(c->errors.p + start, c->errors.len - start);
		rc = gt_buf_add(&c->errors, "\n", 1);
	}
	c->nomem |= rc != GT_OK;
}

void
gt_report(struct gt_config *c, const struct gt_origin *o, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = format(c, fmt, ap);
	va_end(ap);
	add_error(c, o, NULL, what);
}

void
gt_report_setting(struct gt_config *c, const struct gt_origin *o,
                  const char *name, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = format(c, fmt, ap);
	va_end(ap);
	add_error(c, o, name, what);
}

void
gt_report_warning(struct gt_config *c, const char *fmt, ...)
{
	va_list ap;
	char *what, *copy;

	va_start(ap, fmt);
	what = format(c, fmt, ap);
	va_end(ap);
	if (what == NULL)
		return;
	mask_controls(what, strlen(what));
	copy = gt_arena_strdup(&c->mem, gt_str_of(what));
	free(what);
	if (copy == NULL || gt_strv_add(&c->mem, &c->warnings, copy) != GT_OK)
		c->nomem = true;
}

void
gt_report_raw(struct gt_config *c, struct gt_str line)
{
	size_t start = c->errors.len;

	if (gt_buf_addf(&c->errors, "%.*s\n", (int)line.n, line.p) != GT_OK)
		c->nomem = true;
	else
		mask_controls(c->errors.p + start, line.n);
}

const char *
gt_report_comment(const struct gt_origin *o, const char *value)
{
	size_t n = o->where == NULL ? 0 : strlen(o->where);

	if (n > 3 && strcmp(o->where + n - 3, ".py") == 0)
		return "";
	if (o->level == GT_LEVEL_INI &&
	    (strstr(value, " #") != NULL || strstr(value, " ;") != NULL))
		return " (a comment must stand on a line of its own)";
	return "";
}

void
gt_assign_add(struct gt_config *c, const struct gt_setting *s,
              struct gt_str value, const struct gt_origin *o)
{
	struct gt_assign *a = gt_arena_alloc(&c->mem, sizeof(*a));
	const char *copy = gt_arena_strdup(&c->mem, value);

	if (a == NULL || copy == NULL) {
		c->nomem = true;
		return;
	}
	*a = (struct gt_assign){.setting = s, .value = copy, .origin = *o};
	if (c->last_assign == NULL)
		c->assigns = a;
	else
		c->last_assign->next = a;
	c->last_assign = a;
}

void
gt_config_log_warnings(const struct gt_config *c)
{
	const char *const *v;
	size_t n = gt_config_warnings(c, &v);

	for (size_t i = 0; i < n; i++)
		gt_log_warning("%s", v[i]);
}
