/* SPDX-License-Identifier: MIT */
/*
 * Inside the config layer: the table of settings, and the road from texts to
 * values. ini.c and cli.c turn files and arguments into assignments; load.c
 * applies them in the order of precedence; resolve.c makes the result one
 * that the server can use as it stands.
 * Every allocation is checked: a reload must not end the server. What fails
 * for want of memory sets nomem and goes on; load.c looks at it at the end.
 */
#ifndef GTHREADD_CONFIG_CONFIG_PRIV_H
#define GTHREADD_CONFIG_CONFIG_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/base/mem.h"
#include "gthreadd/base/str.h"
#include "gthreadd/config/load.h"
#include "gthreadd/config/settings.h"

/* The table (setting.c). */

enum gt_type {
	GT_T_COUNT,
	GT_T_DURATION,
	GT_T_SIZE,
	GT_T_BOOL,
	GT_T_MODE,
	GT_T_ENUM,
	GT_T_STRING,
	GT_T_PATH,
	GT_T_LOGFILE,
	GT_T_BINDS,
	GT_T_PATHS,
	GT_T_NETS,
	GT_T_NAMES,
	GT_T_FIELDS,
	GT_T_WORDS,
	GT_T_SECRETS,
	GT_T_ENV,
	GT_T_HOOKS,
};

/* Places in the table; GT_FIRST_x is that of the first setting of a group. */
enum gt_setting_id {
#define GT_GROUP(id, title)    GT_FIRST_##id, GT_BEFORE_##id = GT_FIRST_##id - 1,
#define GT_SETTING(field, ...) GT_S_##field,
#include "tbl/settings.def"
#undef GT_SETTING
	GT_SETTINGS
};

struct gt_setting {
	const char *name;
	const char *metavar; /* "" for BOOL; "[X]" may be left out */
	const char *dflt;
	const char *choices; /* ENUM: "a|b" */
	const char *aliases; /* separated by a space */
	const char *summary;
	const char *text;
	size_t offset; /* in struct gt_settings */
	uint64_t min;
	uint64_t max; /* 0: none */
	enum gt_type type;
	bool needs_restart; /* HUP does not change it */
	char letter;        /* 0: none */
};

struct gt_setting_group {
	const char *title;
	size_t first; /* up to the next group's first; a NULL title ends */
};

extern const struct gt_setting gt_setting_table[GT_SETTINGS];
extern const struct gt_setting_group gt_setting_groups[];

/* Is it name or one of the aliases (a blank between), '_' and '-' equal? */
bool gt_name_is_one_of(struct gt_str text, const char *name,
                       const char *aliases);
/* By name or alias, '_' and '-' being equal; NULL when there is none. */
const struct gt_setting *gt_setting_find(struct gt_str name);
bool gt_setting_is_list(const struct gt_setting *s);
/* On the command line its value may be missing: that means true. */
bool gt_setting_is_optional(const struct gt_setting *s);
/* The place of text among the choices; -1: it is none of them. */
int gt_setting_choice(const struct gt_setting *s, struct gt_str text);
void *gt_setting_field(struct gt_settings *v, const struct gt_setting *s);
const void *gt_setting_value(const struct gt_settings *v,
                             const struct gt_setting *s);

/* Options that are no settings: they stand on the command line only. */
struct gt_command {
	const char *name;
	const char *metavar; /* "" when it takes no value */
	const char *summary;
	enum gt_config_action action; /* RUN: the path of the file */
	char letter;                  /* 0: none */
};

extern const struct gt_command gt_command_table[]; /* ends with a NULL name */

/* What other builds and gunicorn have (foreign.c, tbl/foreign.def). */

struct gt_foreign {
	const char *name;
	const char *aliases;
	const char *accepts; /* a value that needs no word; "": none */
	const char *why;
	bool has_value; /* the option takes one; false: a switch */
	bool is_refused;
};

extern const struct gt_foreign gt_foreign_table[]; /* ends with a NULL name */

const struct gt_foreign *gt_foreign_find(struct gt_str name);

/* Texts to values (value.c). */

struct gt_why {
	char text[320];
};

/*
 * Set the field of s from text; a list is appended to. Memory comes from mem.
 * Errors: GT_INVALID (why completes "setting 'x': ..."), GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_value_set(struct gt_arena *mem,
                                       const struct gt_setting *s,
                                       const char *text, void *field,
                                       struct gt_why *why);
/* A scalar as text that gt_value_set reads. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_value_format(const struct gt_setting *s,
                                          const void *field,
                                          struct gt_buf *out);
/* Append s (which must live as long as mem) to the list. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_strv_add(struct gt_arena *mem, struct gt_strv *v,
                                      char *s);

/* Hooks (hooks.c). */

/* Append "HOOK=CALLABLE" in its plain form. As gt_value_set. */
GT_MUST_CHECK enum gt_err gt_hooks_add(struct gt_arena *mem, struct gt_str text,
                                       struct gt_strv *list,
                                       struct gt_why *why);

#define GT_NEAR_MAX 64

/* The candidate that is most like a mistyped word. */
struct gt_near {
	char word[GT_NEAR_MAX];
	struct gt_str best; /* p is NULL: none is like it */
	size_t distance;
};

void gt_near_init(struct gt_near *n, struct gt_str word);
void gt_near_offer(struct gt_near *n, struct gt_str candidate);
/* " (did you mean 'PREFIXx'?)" in buf, or "" when none is like the word. */
const char *gt_near_hint(const struct gt_near *n, const char *prefix,
                         char buf[96]);

/* Split like a POSIX shell (split.c). Errors: GT_INVALID (*why), GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_split_words(struct gt_arena *mem, const char *text,
                                         struct gt_strv *out, const char **why);

/* What is being loaded. */

enum gt_level { /* of precedence, low to high */
	        GT_LEVEL_DEFAULT,
	        GT_LEVEL_ENV,           /* WEB_CONCURRENCY and its like */
	        GT_LEVEL_INI,           /* the file */
	        GT_LEVEL_GUNICORN_ARGS, /* GUNICORN_CMD_ARGS */
	        GT_LEVEL_ARGS,          /* GTHREADD_ARGS */
	        GT_LEVEL_CLI,           /* the command line */
	        GT_LEVEL_DERIVED,       /* follows from another setting */
};

struct gt_origin {
	enum gt_level level;
	const char *where; /* file, variable or setting; NULL: none */
	unsigned line;     /* of the file */
};

struct gt_assign {
	struct gt_assign *next;
	const struct gt_setting *setting;
	const char *value;
	struct gt_origin origin;
};

struct gt_config {
	struct gt_settings settings;
	struct gt_origin origins[GT_SETTINGS];
	enum gt_config_action action;
	struct gt_strv warnings;
	struct gt_arena mem; /* every text above and below */

	struct gt_assign *assigns, *last_assign;
	/* of the process, for a reload: borrowed */
	int argc;
	char *const *argv, *const *env;
	const struct gt_config_host *host; /* NULL: none */
	const char *cwd;                   /* the directory of the start */
	struct gt_config_run *run; /* has run the file; NULL: nobody has */

	const char *ini; /* path of -c; NULL: no file */
	struct gt_origin ini_origin;
	bool part_lost; /* not understood: what is missing may be in it */
	const char *import_path; /* of --import-gunicorn; NULL: none */
	const char *imported;    /* the INI file made of it */
	struct gt_buf errors;    /* lines to be printed */
	uint64_t foreign_said;   /* a bit for each that was warned of */
	bool nomem;
};

/* Reports (report.c). */

#define GT_ORIGIN_TEXT 320

void gt_origin_format(const struct gt_origin *o, char out[GT_ORIGIN_TEXT]);
/* "gthreadd: ORIGIN: what" */
void gt_report(struct gt_config *c, const struct gt_origin *o, const char *fmt,
               ...) GT_PRINTF(3, 4);
/* "gthreadd: ORIGIN: setting 'name': what" */
void gt_report_setting(struct gt_config *c, const struct gt_origin *o,
                       const char *name, const char *fmt, ...) GT_PRINTF(4, 5);
/* A line as it is, for a traceback. */
void gt_report_raw(struct gt_config *c, struct gt_str line);
void gt_report_warning(struct gt_config *c, const char *fmt, ...)
    GT_PRINTF(2, 3);
/* The trap that INI files set: a hint when value seems to end in a comment. */
const char *gt_report_comment(const struct gt_origin *o, const char *value);

/* Copy value into mem and remember the assignment. */
void gt_assign_add(struct gt_config *c, const struct gt_setting *s,
                   struct gt_str value, const struct gt_origin *o);

/*
 * A setting that this build does not have was given value: one warning for
 * each, or an error (foreign.c).
 */
void gt_foreign_take(struct gt_config *c, const struct gt_foreign *f,
                     struct gt_str value, const struct gt_origin *o);

/* Sources (ini.c, cli.c). Their errors are reported. */

void gt_ini_parse(struct gt_config *c, const char *file, struct gt_str text);
/* Read and parse c->ini. */
void gt_ini_read(struct gt_config *c);
/* argv[0] is not looked at. */
void gt_cli_parse(struct gt_config *c, int argc, char *const argv[],
                  const struct gt_origin *o);

/* The entry that was added last comes from there (hooks.c). */
void gt_hooks_place(struct gt_config *c, const struct gt_origin *at);

/* Gunicorn's Python configs (gunicorn.c, pychild.c, import.c, class.c). */

struct gt_record { /* a line of the child: config/load.h */
	char kind;
	unsigned line;
	struct gt_str name;
	char *value;
};

struct gt_import;

/* What becomes of a record. */
struct gt_import_ops {
	void (*setting)(struct gt_import *m, const struct gt_setting *s,
	                const struct gt_record *r);
	void (*foreign)(struct gt_import *m, const struct gt_foreign *f,
	                const struct gt_record *r);
	void (*wrong)(struct gt_import *m, const char *name,
	              const struct gt_record *r, const char *why);
};

struct gt_import {
	struct gt_config *c;
	const struct gt_import_ops *ops;
	const char *what;    /* absolute path, or "python:MODULE" */
	struct gt_origin at; /* of the record */
	char *nothing;       /* "" */
};

/* Run the config at path and hand its records to ops. Errors are reported. */
void gt_gunicorn_read(struct gt_config *c, const char *path,
                      const struct gt_import_ops *ops, struct gt_import *m);
/* c->ini is a Python config: assign what it says. */
void gt_gunicorn_take(struct gt_config *c);
/* c->import_path as an INI file in c->imported. */
void gt_import_write(struct gt_config *c);
/* Start the config at c->ini; see gt_config_run_start. */
GT_MUST_CHECK enum gt_err gt_gunicorn_start(struct gt_config *c,
                                            struct gt_config_run *run);
/*
 * Run host->read_python in a child: run tells how it goes. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_pychild_start(const struct gt_config_host *host,
                                           const char *what,
                                           const struct gt_settings *settings,
                                           int64_t timeout_ms,
                                           struct gt_config_run *run);
/* Wait for all that it says, and for its end; run->rc tells. */
void gt_pychild_finish(struct gt_config_run *run);
/* value, or when s is worker-class and value a long name of one: its name. */
const char *gt_class_canonical(const struct gt_setting *s, const char *value);
/* For a class that this build does not have: what to use; "": no idea. */
const char *gt_class_hint(const struct gt_setting *s, const char *value);

/* Apply all assignments, low level to high (load.c). */
void gt_config_apply(struct gt_config *c, const struct gt_config_check *checks);
/* Give every setting its default. */
void gt_config_init(struct gt_config *c);
void gt_config_fini(struct gt_config *c);

/*
 * Make paths absolute, let settings that depend on others follow them, and
 * report what does not go together (resolve.c). cwd is absolute. At a reload
 * old is what holds now: settings that need a restart keep its values, with a
 * warning for each that differs; NULL: a start.
 */
void gt_config_resolve(struct gt_config *c, const char *cwd,
                       const struct gt_config *old);

#endif
