/* SPDX-License-Identifier: MIT */
/*
 * The records of a gunicorn Python config (config/load.h) to settings: to
 * assignments, or, for --import-gunicorn, to an INI file (import.c). The names
 * are looked up in the tables of settings, hooks and foreign names. As in
 * gunicorn, a global that is none of them is the file's own business; one that
 * is nearly a setting is warned of.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gthreadd/base/parse.h"
#include "gthreadd/config/hooks.h"

#include "config_priv.h"

#define DEADLINE_MAX_MS 30000

/* Take the next record off *rest. false: it is no record. */
static bool
next_record(struct gt_config *c, struct gt_str *rest, struct gt_record *r)
{
	struct gt_str line, kind, number;
	uint64_t n;

	*r = (struct gt_record){.kind = 0};
	if (!gt_str_split(rest, '\n', &line) ||
	    !gt_str_split(&line, '\t', &kind) || kind.n != 1 ||
	    !gt_str_split(&line, '\t', &number) ||
	    gt_parse_decimal(number, &n) != GT_OK ||
	    !gt_str_split(&line, '\t', &r->name) || line.p == NULL)
		return false;
	r->kind = kind.p[0];
	r->line = (unsigned)n;
	r->value = gt_arena_strdup(&c->mem, line);
	if (r->value == NULL) {
		c->nomem = true;
		return false;
	}
	return true;
}

/* In place: \\ and \n as they were. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			*to++ = *++s == 'n' ? '\n' : *s;
		else
			*to++ = *s;
	}
	*to = '\0';
}

/* Python has no octal texts: umask = 0o22 came as 18. */
static void
write_octal(struct gt_config *c, struct gt_record *r)
{
	struct gt_buf text = {0};
	uint64_t n;

	if (gt_parse_decimal(gt_str_of(r->value), &n) != GT_OK)
		return; /* a negative one is refused as it is */
	if (gt_buf_addf(&text, "0%" PRIo64, n) != GT_OK ||
	    (r->value = gt_arena_strdup(&c->mem, gt_buf_str(&text))) == NULL)
		c->nomem = true;
	gt_buf_fini(&text);
}

static void
take_setting(struct gt_import *m, const struct gt_setting *s,
             struct gt_record *r)
{
	bool is_list = gt_setting_is_list(s);
	struct gt_record none = *r;

	if (r->kind == 'n')
		return; /* None is the default */
	if (r->kind == 'i' && s->type == GT_T_MODE)
		write_octal(m->c, r);
	if (strchr("bisc", r->kind) != NULL || (is_list && r->kind == 'l') ||
	    (s->type == GT_T_FIELDS && r->kind == 'd')) {
		m->ops->setting(m, s, r);
	} else if (is_list && strchr("LD", r->kind) != NULL) {
		none.value = m->nothing; /* what is empty is set, too */
		if (strcmp(r->value, "0") == 0)
			m->ops->setting(m, s, &none);
	} else if (r->kind == 'L' || r->kind == 'D') {
		m->ops->wrong(m, s->name, r,
		              "must be one value, not a list or dict");
	} else if (strchr("fo", r->kind) != NULL) {
		m->ops->wrong(m, s->name, r,
		              "must be a text, a number, a bool or a list");
	}
}

/* "module.function" is gunicorn's way to name one. */
static bool
write_dotted(const char *dotted, struct gt_buf *out)
{
	const char *dot = strrchr(dotted, '.');

	return dot == NULL ? gt_buf_addf(out, "%s", dotted) == GT_OK
	                   : gt_buf_addf(out, "%.*s:%s", (int)(dot - dotted),
	                                 dotted, dot + 1) == GT_OK;
}

static void
take_hook(struct gt_import *m, const struct gt_setting *hooks,
          struct gt_record *r)
{
	const char *file = strncmp(m->what, "python:", 7) == 0 ? "" : "file:";
	struct gt_buf text = {0};
	bool done;

	done = gt_buf_addf(&text, "%.*s=", (int)r->name.n, r->name.p) == GT_OK;
	if (r->kind == 's')
		done = done && write_dotted(r->value, &text);
	else
		done = done && gt_buf_addf(&text, "%s%s:%.*s", file,
		                           m->what + (*file == '\0' ? 7 : 0),
		                           (int)r->name.n, r->name.p) == GT_OK;
	if (done)
		r->value = gt_arena_strdup(&m->c->mem, gt_buf_str(&text));
	if (!done || r->value == NULL)
		m->c->nomem = true;
	else
		m->ops->setting(m, hooks, r);
	gt_buf_fini(&text);
}

/* Of the hook of that name; NULL: there is none. */
static const char *
hook_name(struct gt_str name)
{
	const char *hook;

	for (size_t i = 0; i < GT_HOOK_COUNT; i++) {
		hook = gt_hook_name((enum gt_hook)i);
		if (gt_str_eq(name, gt_str_of(hook)))
			return hook;
	}
	return NULL;
}

/* Unlike gt_near: a short name of one's own is no beginning of a setting. */
static void
warn_if_near(struct gt_import *m, const struct gt_record *r)
{
	const char *best = NULL;
	char name[64], other[64];

	if (r->name.n < 5 || r->name.n >= sizeof(name) ||
	    strchr("fcon", r->kind) != NULL)
		return;
	for (size_t i = 0; i <= r->name.n; i++)
		name[i] = i == r->name.n        ? '\0'
		          : r->name.p[i] == '_' ? '-'
		                                : r->name.p[i];
	for (size_t i = 0; i < GT_SETTINGS; i++) {
		snprintf(other, sizeof(other), "%s", gt_setting_table[i].name);
		if (gt_str_distance(name, other) == 1)
			best = gt_setting_table[i].name;
	}
	if (best != NULL)
		gt_report_warning(m->c,
		                  "%s:%u: '%.*s' is no setting (did you mean "
		                  "'%s'?)",
		                  m->at.where, r->line, (int)r->name.n,
		                  r->name.p, best);
}

static void
take_record(struct gt_import *m, struct gt_record *r)
{
	const struct gt_setting *s = gt_setting_find(r->name);
	const struct gt_setting *hooks = &gt_setting_table[GT_S_hooks];
	const char *hook = hook_name(r->name);
	const struct gt_foreign *f;

	m->at.line = r->line;
	if (hook != NULL && (r->kind == 'f' || r->kind == 's'))
		take_hook(m, hooks, r);
	else if (hook != NULL && strchr("nld", r->kind) == NULL)
		m->ops->wrong(m, hook, r, "must be a function");
	else if (s != NULL && s != hooks)
		take_setting(m, s, r);
	else if ((f = gt_foreign_find(r->name)) == NULL)
		warn_if_near(m, r);
	else if (strchr("nld", r->kind) == NULL) /* a list once, by its head */
		m->ops->foreign(m, f, r);
}

/* The child's "!": the file raised what follows. */
static void
report_failure(struct gt_import *m, struct gt_str text)
{
	struct gt_str line;

	gt_report(m->c, &m->c->ini_origin, "%s: the file failed", m->at.where);
	while (gt_str_split(&text, '\n', &line) && text.p != NULL &&
	       !gt_str_eq(line, GT_STR(".")))
		gt_report_raw(m->c, line);
}

static void
take_records(struct gt_import *m, struct gt_str text)
{
	struct gt_record r;

	if (gt_str_has_prefix(text, GT_STR("!\n"))) {
		text.p += 2;
		text.n -= 2;
		report_failure(m, text);
		m->c->part_lost = true;
		return;
	}
	while (next_record(m->c, &text, &r)) {
		unescape(r.value);
		take_record(m, &r);
	}
}

/* Did the child come to its end? Only its last line is a lone ".". */
static bool
is_whole(struct gt_str text)
{
	return text.n >= 2 && memcmp(text.p + text.n - 2, ".\n", 2) == 0 &&
	       (text.n == 2 || text.p[text.n - 3] == '\n');
}

/* What sources other than the file say of sys.path, and of the deadline. */
static enum gt_err
start(struct gt_config *c, const char *what, struct gt_config_run *run)
{
	struct gt_config part = {.assigns = c->assigns,
	                         .action = GT_ACTION_PRINT};
	const struct gt_settings *s = &part.settings;
	enum gt_err rc = GT_NOMEM;
	int64_t limit;

	gt_config_init(&part);
	gt_config_apply(&part, NULL);
	gt_config_resolve(&part, c->cwd, NULL);
	limit = s->boot_timeout_ms < DEADLINE_MAX_MS ? s->boot_timeout_ms
	                                             : DEADLINE_MAX_MS;
	if (!part.nomem)
		rc = gt_pychild_start(c->host, what, s, limit, run);
	gt_config_fini(&part);
	return rc;
}

/* "python:MODULE", or the absolute path of a file. */
static const char *
find_what(struct gt_config *c, const char *path)
{
	struct gt_buf text = {0};
	char *what;

	if (strncmp(path, "python:", 7) == 0)
		return path;
	if (strncmp(path, "file:", 5) == 0)
		path += 5;
	if (gt_buf_addf(&text, "%s%s%s", *path == '/' ? "" : c->cwd,
	                *path == '/' ? "" : "/", path) != GT_OK) {
		gt_buf_fini(&text);
		return NULL;
	}
	what = gt_arena_strdup(&c->mem, gt_buf_str(&text));
	gt_buf_fini(&text);
	return what;
}

static const char *
name_file(const char *path)
{
	return strncmp(path, "file:", 5) == 0 ? path + 5 : path;
}

/* rc GT_OK: the records have no end. */
static void
report_loss(struct gt_import *m, enum gt_err rc)
{
	struct gt_config *c = m->c;

	c->part_lost = true;
	if (rc == GT_AGAIN)
		gt_report(c, &c->ini_origin,
		          "%s: the file takes longer than boot-timeout, 30 s "
		          "at most",
		          m->at.where);
	else
		gt_report(
		    c, &c->ini_origin, "%s: cannot be run: %s", m->at.where,
		    rc == GT_OK ? "its process ended early" : gt_err_text(rc));
}

static bool
can_run(const struct gt_config *c)
{
	return c->host != NULL && c->host->read_python != NULL;
}

enum gt_err
gt_gunicorn_start(struct gt_config *c, struct gt_config_run *run)
{
	const char *what = find_what(c, c->ini);

	if (what == NULL)
		return GT_NOMEM;
	return can_run(c) ? start(c, what, run) : GT_OK;
}

static void
take_run(struct gt_import *m, const struct gt_config_run *run)
{
	struct gt_str text = gt_buf_str(&run->text);

	if (run->rc == GT_OK && is_whole(text))
		take_records(m, text);
	else
		report_loss(m, run->rc);
}

void
gt_gunicorn_read(struct gt_config *c, const char *path,
                 const struct gt_import_ops *ops, struct gt_import *m)
{
	static char nothing[] = "";
	struct gt_config_run run = {.fd = -1};

	m->c = c;
	m->ops = ops;
	m->nothing = nothing;
	m->at = (struct gt_origin){GT_LEVEL_INI, name_file(path), 0};
	if (c->cwd == NULL || (m->what = find_what(c, path)) == NULL) {
		c->nomem |= c->cwd != NULL;
		return;
	}
	if (!can_run(c)) {
		c->part_lost = true;
		gt_report_setting(c, &c->ini_origin, "config",
		                  "'%s' needs Python to be read", path);
		return;
	}
	if (c->run != NULL) {
		take_run(m, c->run);
		return;
	}
	if ((run.rc = start(c, m->what, &run)) == GT_OK) {
		run.rc = GT_AGAIN;
		gt_pychild_finish(&run);
	}
	take_run(m, &run);
	gt_config_run_fini(&run);
}

/* ---- -c FILE.py: assignments ---- */

static void
assign_setting(struct gt_import *m, const struct gt_setting *s,
               const struct gt_record *r)
{
	gt_assign_add(m->c, s, gt_str_of(r->value), &m->at);
}

static void
assign_foreign(struct gt_import *m, const struct gt_foreign *f,
               const struct gt_record *r)
{
	gt_foreign_take(m->c, f, gt_str_of(r->value), &m->at);
}

static void
report_wrong(struct gt_import *m, const char *name, const struct gt_record *r,
             const char *why)
{
	(void)r;
	gt_report_setting(m->c, &m->at, name, "%s", why);
}

void
gt_gunicorn_take(struct gt_config *c)
{
	static const struct gt_import_ops ops = {
	    .setting = assign_setting,
	    .foreign = assign_foreign,
	    .wrong = report_wrong,
	};
	struct gt_import m = {0};

	gt_gunicorn_read(c, c->ini, &ops, &m);
}
