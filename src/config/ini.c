/* SPDX-License-Identifier: MIT */
/*
 * The INI file, through inih: sections [gthreadd], [env],
 * [secure-scheme-headers] and [hooks]. inih's defaults cut long lines and
 * values, and it reports only the first bad line without its text. So its
 * switches are set for every parse, and our reader hands it one line at a time:
 * it counts them, sees to sections and comments itself, and reports the line
 * for which inih found no key and value.
 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "config_priv.h"

#define LINE_ROOM 65536       /* the longest line and its NUL */
#define FILE_MAX  (16u << 20) /* no settings are larger: a wrong file */

enum section {
	SECTION_NONE,
	SECTION_SETTINGS,
	SECTION_ENV,     /* NAME = value each, as the next */
	SECTION_SCHEMES, /* secure-scheme-headers */
	SECTION_HOOKS,
	SECTION_UNKNOWN,
};

struct reader {
	struct gt_config *c;
	struct gt_origin at; /* the line that inih has now */
	struct gt_str rest;  /* p NULL: the end */
	struct gt_str line;  /* for a message */
	enum section section;
	bool is_awaited;      /* inih owes a key and value for the line */
	bool said_no_section; /* once is enough */
};

static struct gt_str
trim(struct gt_str s)
{
	s = gt_str_trim(s);
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return gt_str_trim(s);
}

static void
unknown_section(struct reader *r, struct gt_str name)
{
	struct gt_near near;
	char hint[96];

	gt_near_init(&near, name);
	gt_near_offer(&near, GT_STR("gthreadd"));
	gt_near_offer(&near, GT_STR("env"));
	gt_near_offer(&near, GT_STR("secure-scheme-headers"));
	gt_near_offer(&near, GT_STR("hooks"));
	if (gt_str_eq(name, GT_STR("gunicorn")))
		near.best = GT_STR("gthreadd");
	gt_report(r->c, &r->at, "section [%.*s] is unknown%s",
	          name.n < 80 ? (int)name.n : 80, name.p,
	          gt_near_hint(&near, "", hint));
}

static void
take_section(struct reader *r, struct gt_str line)
{
	struct gt_str name = {line.p + 1, line.n - 1};
	const char *end = memchr(name.p, ']', name.n);

	r->section = SECTION_UNKNOWN;
	if (end == NULL || end != line.p + line.n - 1) {
		gt_report(r->c, &r->at, "a section is one [name] on its line");
		return;
	}
	name.n = (size_t)(end - name.p);
	name = gt_str_trim(name);
	if (gt_str_eq(name, GT_STR("gthreadd")))
		r->section = SECTION_SETTINGS;
	else if (gt_str_eq(name, GT_STR("env")))
		r->section = SECTION_ENV;
	else if (gt_str_eq(name, GT_STR("secure-scheme-headers")) ||
	         gt_str_eq(name, GT_STR("secure_scheme_headers")))
		r->section = SECTION_SCHEMES;
	else if (gt_str_eq(name, GT_STR("hooks")))
		r->section = SECTION_HOOKS;
	else
		unknown_section(r, name);
}

/* A section whose lines are values of one list. */
static bool
has_pairs(const struct reader *r)
{
	return r->section == SECTION_ENV || r->section == SECTION_SCHEMES ||
	       r->section == SECTION_HOOKS;
}

/* Of a section with pairs: the setting that has its name. */
static const struct gt_setting *
list_of(const struct reader *r)
{
	enum gt_setting_id id = GT_S_env;

	if (r->section == SECTION_SCHEMES)
		id = GT_S_secure_scheme_headers;
	else if (r->section == SECTION_HOOKS)
		id = GT_S_hooks;
	return &gt_setting_table[id];
}

/* Is it a line that inih should see: one with a key in a known section? */
static bool
wants_parsing(struct reader *r, struct gt_str line)
{
	const char *eq, *colon;

	if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
		return false;
	if (memchr(line.p, '\0', line.n) != NULL) {
		gt_report(r->c, &r->at, "the line has a NUL octet in it");
		return false;
	}
	if (line.p[0] == '[') {
		take_section(r, line);
		return false;
	}
	if (r->section == SECTION_NONE && !r->said_no_section) {
		gt_report(r->c, &r->at,
		          "a setting stands before the first section: "
		          "[gthreadd] is missing above it");
		r->said_no_section = true;
	}
	if (has_pairs(r)) { /* inih would split at the ':' */
		eq = memchr(line.p, '=', line.n);
		colon = memchr(line.p, ':', line.n);
		if (eq == NULL || (colon != NULL && colon < eq)) {
			gt_report(r->c, &r->at, "[%s] needs NAME = VALUE",
			          list_of(r)->name);
			return false;
		}
	}
	return r->section == SECTION_SETTINGS || has_pairs(r);
}

static void
report_no_value(struct reader *r)
{
	gt_report(r->c, &r->at, "'%.*s' has no value: NAME = VALUE is needed",
	          r->line.n < 80 ? (int)r->line.n : 80, r->line.p);
	r->is_awaited = false;
}

/* An ini_reader. A line that is none of inih's business reads as empty. */
static char *
read_line(char *buf, int size, void *arg)
{
	struct reader *r = arg;
	struct gt_str line;

	if (r->is_awaited)
		report_no_value(r);
	if (!gt_str_split(&r->rest, '\n', &line))
		return NULL;
	r->at.line++;
	buf[0] = '\0';
	line = trim(line);
	if (line.n >= LINE_ROOM || line.n >= (size_t)size) {
		gt_report(r->c, &r->at, "the line is longer than 64 KiB");
		return buf;
	}
	if (!wants_parsing(r, line))
		return buf;
	memcpy(buf, line.p, line.n);
	buf[line.n] = '\0';
	r->line = line;
	r->is_awaited = true;
	return buf;
}

static bool
is_command(struct gt_str name)
{
	for (const struct gt_command *k = gt_command_table; k->name; k++)
		if (gt_str_eq(name, gt_str_of(k->name)))
			return true;
	return false;
}

static void
unknown_setting(struct reader *r, const char *name)
{
	struct gt_near near;
	char hint[96];

	if (is_command(gt_str_of(name))) {
		gt_report_setting(r->c, &r->at, name,
		                  "belongs on the command line");
		return;
	}
	gt_near_init(&near, gt_str_of(name));
	for (size_t i = 0; i < GT_SETTINGS; i++)
		gt_near_offer(&near, gt_str_of(gt_setting_table[i].name));
	gt_report(r->c, &r->at, "setting '%.80s': is unknown%s", name,
	          gt_near_hint(&near, "", hint));
}

/* What was appended to a file whose last section is [env] does nothing. */
static void
warn_of_setting(struct reader *r, const char *name)
{
	char origin[GT_ORIGIN_TEXT];

	if (r->section != SECTION_ENV ||
	    gt_setting_find(gt_str_of(name)) == NULL)
		return;
	gt_origin_format(&r->at, origin);
	gt_report_warning(r->c,
	                  "%s: '%s' is an environment variable here: "
	                  "the setting belongs into [gthreadd]",
	                  origin, name);
}

static void
take_value(struct reader *r, const char *name, const char *value)
{
	struct gt_buf pair = {0};

	warn_of_setting(r, name);
	if (*name == '\0')
		gt_report(r->c, &r->at, "[%s] needs NAME = VALUE",
		          list_of(r)->name);
	else if (gt_buf_addf(&pair, "%s=%s", name, value) != GT_OK)
		r->c->nomem = true;
	else
		gt_assign_add(r->c, list_of(r), gt_buf_str(&pair), &r->at);
	gt_buf_fini(&pair);
}

/* An ini_handler. inih's section is not looked at: it is cut after 49. */
static int
take_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;
	struct gt_str text = gt_str_of(name);
	const struct gt_foreign *f;
	const struct gt_setting *s;

	(void)section;
	r->is_awaited = false;
	if (has_pairs(r))
		take_value(r, name, value);
	else if ((s = gt_setting_find(text)) != NULL)
		gt_assign_add(r->c, s, gt_str_of(value), &r->at);
	else if ((f = gt_foreign_find(text)) != NULL)
		gt_foreign_take(r->c, f, gt_str_of(value), &r->at);
	else
		unknown_setting(r, name);
	return 1;
}

static void
set_switches(void)
{
	ini_use_stack = false;
	/* A line that fills its room is a cut one to later versions (59). */
	ini_max_line = ini_initial_alloc = LINE_ROOM + 1;
	ini_allow_realloc = false;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = false;
}

void
gt_ini_parse(struct gt_config *c, const char *file, struct gt_str text)
{
	struct reader r = {
	    .c = c,
	    .at = {GT_LEVEL_INI, file, 0},
	    .rest = text,
	};

	if (gt_str_has_prefix(r.rest, GT_STR("\xef\xbb\xbf"))) {
		r.rest.p += 3;
		r.rest.n -= 3;
	}
	set_switches();
	if (ini_parse_stream(read_line, &r, take_pair, &r) == -2)
		c->nomem = true;
}

/* Errors: GT_SYS, GT_NOMEM, GT_RANGE (too large). */
static enum gt_err
read_all(FILE *f, struct gt_buf *text)
{
	size_t n;

	do {
		if (text->len > FILE_MAX)
			return GT_RANGE;
		if (gt_buf_reserve(text, 65536) != GT_OK)
			return GT_NOMEM;
		n = fread(text->p + text->len, 1, text->cap - text->len, f);
		text->len += n;
	} while (n > 0);
	return ferror(f) ? GT_SYS : GT_OK;
}

/* A relative path is one from the directory of the start. */
static FILE *
open_file(struct gt_config *c)
{
	struct gt_buf path = {0};
	FILE *f = NULL;

	if (c->ini[0] == '/' || c->cwd == NULL)
		return fopen(c->ini, "re");
	if (gt_buf_addf(&path, "%s/%s", c->cwd, c->ini) == GT_OK &&
	    gt_buf_add(&path, "", 1) == GT_OK)
		f = fopen(path.p, "re");
	gt_buf_fini(&path);
	return f;
}

void
gt_ini_read(struct gt_config *c)
{
	struct gt_buf text = {0};
	enum gt_err rc = GT_SYS;
	FILE *f = open_file(c);

	if (f != NULL)
		rc = read_all(f, &text);
	c->part_lost |= rc != GT_OK;
	if (rc != GT_OK)
		gt_report_setting(
		    c, &c->ini_origin, "config", "cannot read %s: %s", c->ini,
		    rc == GT_RANGE ? "larger than 16 MiB" : gt_err_text(rc));
	else
		gt_ini_parse(c, c->ini, gt_buf_str(&text));
	if (f != NULL)
		fclose(f);
	gt_buf_fini(&text);
}
