/* SPDX-License-Identifier: MIT */
/*
 * The road from argv, environment and file to one snapshot: gather every
 * assignment, apply them from the lowest level to the highest, resolve what
 * depends on several settings, and report all that is wrong.
 * At start and, in the master, at a reload; one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/start.h"

#include "config_priv.h"

void
gt_config_init(struct gt_config *c)
{
	struct gt_why why;

	for (size_t i = 0; i < GT_SETTINGS; i++) {
		const struct gt_setting *s = &gt_setting_table[i];
		void *field = gt_setting_field(&c->settings, s);

		if (gt_value_set(&c->mem, s, s->dflt, field, &why) != GT_OK)
			c->nomem = true; /* defaults are valid: a test */
	}
}

void
gt_config_fini(struct gt_config *c)
{
	gt_arena_fini(&c->mem);
	gt_buf_fini(&c->errors);
}

/* A variable that changes a default; one that is empty is as good as unset. */
static void
take_variable(struct gt_config *c, char *const env[], const char *name,
              enum gt_setting_id id, const char *prefix)
{
	const struct gt_origin at = {GT_LEVEL_ENV, name, 0};
	const char *value = gt_start_variable(env, name);
	struct gt_buf text = {0};

	if (value == NULL || *value == '\0')
		return;
	if (gt_buf_addf(&text, "%s%s", prefix, value) != GT_OK)
		c->nomem = true;
	else
		gt_assign_add(c, &gt_setting_table[id], gt_buf_str(&text), &at);
	gt_buf_fini(&text);
}

/* Gunicorn reads SENDFILE so: these words mean yes, all others no. */
static void
take_sendfile(struct gt_config *c, char *const env[])
{
	static const struct gt_origin at = {GT_LEVEL_ENV, "SENDFILE", 0};
	static const char *const yes[] = {"y", "1", "yes", "true"};
	const char *value = gt_start_variable(env, "SENDFILE");
	bool is_yes = false;

	if (value == NULL || *value == '\0')
		return;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		is_yes |= gt_str_eq_icase(gt_str_of(value), gt_str_of(yes[i]));
	gt_assign_add(c, &gt_setting_table[GT_S_sendfile],
	              is_yes ? GT_STR("true") : GT_STR("false"), &at);
}

/* One that is empty counts: it trusts nobody, as in gunicorn. */
static void
take_forwarded(struct gt_config *c, char *const env[])
{
	static const char name[] = "FORWARDED_ALLOW_IPS";
	static const struct gt_origin at = {GT_LEVEL_ENV, name, 0};
	const char *value = gt_start_variable(env, name);

	if (value != NULL)
		gt_assign_add(c, &gt_setting_table[GT_S_forwarded_allow_ips],
		              gt_str_of(value), &at);
}

/* The workers read it; each request would be refused. */
static void
check_script_name(struct gt_config *c, char *const env[])
{
	static const struct gt_origin at = {GT_LEVEL_ENV, "SCRIPT_NAME", 0};
	const char *value = gt_start_variable(env, at.where);

	if (value != NULL && *value != '\0' && *value != '/')
		gt_report(c, &at, "'%s' does not begin with a slash", value);
}

static void
take_variables(struct gt_config *c, char *const env[])
{
	check_script_name(c, env);
	take_variable(c, env, "WEB_CONCURRENCY", GT_S_workers, "");
	take_variable(c, env, "PORT", GT_S_bind, "0.0.0.0:");
	take_variable(c, env, "VIRTUAL_ENV", GT_S_virtualenv, "");
	take_sendfile(c, env);
	take_forwarded(c, env);
}

/* Arguments in a variable; argv gets a name in front as a real one has. */
static void
take_args(struct gt_config *c, char *const env[], const char *name,
          enum gt_level level)
{
	static char program[] = "gthreadd";
	const struct gt_origin at = {level, name, 0};
	const char *text = gt_start_variable(env, name), *why = "";
	struct gt_strv words = {0};
	enum gt_err rc;

	if (text == NULL)
		return;
	if ((rc = gt_strv_add(&c->mem, &words, program)) == GT_OK)
		rc = gt_split_words(&c->mem, text, &words, &why);
	if (rc == GT_OK) /* argv ends with NULL */
		rc = gt_strv_add(&c->mem, &words, NULL);
	if (rc == GT_INVALID)
		gt_report(c, &at, "%s", why);
	else if (rc != GT_OK)
		c->nomem = true;
	else
		gt_cli_parse(c, (int)words.n - 1, words.v, &at);
}

static bool
is_python_config(const char *path)
{
	size_t n = strlen(path);

	return strncmp(path, "file:", 5) == 0 ||
	       strncmp(path, "python:", 7) == 0 ||
	       (n >= 3 && strcmp(path + n - 3, ".py") == 0);
}

static void
take_file(struct gt_config *c)
{
	if (c->ini == NULL || *c->ini == '\0') {
		if (access("gunicorn.conf.py", F_OK) == 0)
			gt_report_warning(
			    c, "./gunicorn.conf.py is not read without "
			       "-c gunicorn.conf.py");
	} else if (is_python_config(c->ini)) {
		gt_gunicorn_take(c);
	} else {
		gt_ini_read(c);
	}
}

static void
ask(struct gt_config *c, const struct gt_assign *a,
    const struct gt_config_check *k, const char *value)
{
	const char *why = "is not valid";

	if (!k->is_valid(value, &why))
		gt_report_setting(c, &a->origin, k->name, "%s%s", why,
		                  gt_report_comment(&a->origin, value));
}

/* What a higher layer says of the value: of each value just appended. */
static void
run_check(struct gt_config *c, const struct gt_assign *a, size_t from,
          const struct gt_config_check *k)
{
	const struct gt_strv *list;

	if (!gt_setting_is_list(a->setting)) {
		ask(c, a, k, a->value);
		return;
	}
	list = gt_setting_value(&c->settings, a->setting);
	for (size_t i = from; i < list->n; i++)
		ask(c, a, k, list->v[i]);
}

static void
run_checks(struct gt_config *c, const struct gt_assign *a, size_t from,
           const struct gt_config_check *checks)
{
	if (checks == NULL)
		return;
	for (const struct gt_config_check *k = checks; k->name != NULL; k++)
		if (strcmp(k->name, a->setting->name) == 0)
			run_check(c, a, from, k);
}

/* A higher level's list replaces a lower one's; a scalar always replaces. */
static size_t
make_room(struct gt_config *c, const struct gt_assign *a,
          const struct gt_origin *before)
{
	struct gt_strv *list;

	if (gt_setting_is_list(a->setting)) {
		list = gt_setting_field(&c->settings, a->setting);
		if (before->level != a->origin.level)
			*list = (struct gt_strv){0};
		return list->n;
	}
	if (before->level == GT_LEVEL_INI && a->origin.level == GT_LEVEL_INI)
		gt_report_warning(c,
		                  "%s:%u: setting '%s' was given in line %u "
		                  "already; this one holds",
		                  a->origin.where, a->origin.line,
		                  a->setting->name, before->line);
	return 0;
}

static void
apply(struct gt_config *c, const struct gt_assign *a,
      const struct gt_config_check *checks)
{
	struct gt_origin *origin = &c->origins[a->setting - gt_setting_table];
	size_t from = make_room(c, a, origin);
	struct gt_why why;
	enum gt_err rc;

	*origin = a->origin;
	rc = gt_value_set(&c->mem, a->setting,
	                  gt_class_canonical(a->setting, a->value),
	                  gt_setting_field(&c->settings, a->setting), &why);
	if (rc == GT_INVALID)
		gt_report_setting(c, &a->origin, a->setting->name, "%s%s%s",
		                  why.text, gt_class_hint(a->setting, a->value),
		                  gt_report_comment(&a->origin, a->value));
	else if (rc != GT_OK)
		c->nomem = true;
	else
		run_checks(c, a, from, checks);
	if (rc == GT_OK && a->setting->type == GT_T_HOOKS)
		gt_hooks_place(c, &a->origin);
}

void
gt_config_apply(struct gt_config *c, const struct gt_config_check *checks)
{
	const struct gt_assign *a;

	for (enum gt_level l = GT_LEVEL_ENV; l <= GT_LEVEL_CLI; l++)
		for (a = c->assigns; a != NULL; a = a->next)
			if (a->origin.level == l)
				apply(c, a, checks);
}

static void
take_cwd(struct gt_config *c)
{
	const struct gt_origin at = {GT_LEVEL_CLI, NULL, 0};
	char *cwd = gt_start_dir(gt_start_variable(c->env, "PWD"));

	if (cwd == NULL)
		gt_report(c, &at, "cannot tell the current directory: %s",
		          gt_err_text(GT_SYS));
	else if ((c->cwd = gt_arena_strdup(&c->mem, gt_str_of(cwd))) == NULL)
		c->nomem = true;
	free(cwd);
}

/* --help must work whatever is wrong elsewhere. */
static bool
is_told_only(const struct gt_config *c)
{
	return c->action == GT_ACTION_HELP || c->action == GT_ACTION_VERSION;
}

/* All but the file. */
static void
gather_words(struct gt_config *c)
{
	static const struct gt_origin cli = {GT_LEVEL_CLI, NULL, 0};

	gt_cli_parse(c, c->argc, c->argv, &cli);
	if (is_told_only(c))
		return;
	take_variables(c, c->env);
	take_args(c, c->env, "GUNICORN_CMD_ARGS", GT_LEVEL_GUNICORN_ARGS);
	take_args(c, c->env, "GTHREADD_ARGS", GT_LEVEL_ARGS);
}

static void
gather(struct gt_config *c)
{
	gather_words(c);
	if (is_told_only(c))
		return;
	if (c->action == GT_ACTION_IMPORT)
		gt_import_write(c);
	else
		take_file(c);
}

/* Everything from the sources, in from, to the snapshot in *out. */
static enum gt_err
load(const struct gt_config *from, const struct gt_config *old, FILE *err,
     struct gt_config **out)
{
	struct gt_config *c = malloc(sizeof(*c));

	*out = NULL;
	if (c != NULL) {
		*c = *from;
		gt_config_init(c);
		if (old == NULL)
			take_cwd(c);
		else
			c->cwd = gt_arena_strdup(&c->mem, gt_str_of(old->cwd));
		gather(c);
	}
	if (c != NULL && !is_told_only(c) && c->cwd != NULL &&
	    c->action != GT_ACTION_IMPORT) {
		gt_config_apply(c, c->host == NULL ? NULL : c->host->checks);
		gt_config_resolve(c, c->cwd, old);
	}
	if (c == NULL || c->nomem || (old != NULL && c->cwd == NULL)) {
		fprintf(err, "gthreadd: %s\n", gt_err_text(GT_NOMEM));
		gt_config_destroy(c);
		return GT_NOMEM;
	}
	if (c->errors.len > 0 && !is_told_only(c)) {
		fwrite(c->errors.p, 1, c->errors.len, err);
		gt_config_destroy(c);
		return GT_INVALID;
	}
	*out = c;
	return GT_OK;
}

enum gt_err
gt_config_load(int argc, char *const argv[], char *const env[],
               const struct gt_config_host *host, FILE *err,
               struct gt_config **out)
{
	const struct gt_config from = {
	    .argc = argc, .argv = argv, .env = env, .host = host};

	return load(&from, NULL, err, out);
}

static struct gt_config
same_words(const struct gt_config *old)
{
	return (struct gt_config){.argc = old->argc,
	                          .argv = old->argv,
	                          .env = old->env,
	                          .host = old->host};
}

enum gt_err
gt_config_reload(const struct gt_config *old, struct gt_config_run *run,
                 FILE *err, struct gt_config **out)
{
	struct gt_config from = same_words(old);
	enum gt_err rc;

	from.run = run;
	rc = load(&from, old, err, out);
	if (rc == GT_OK)
		(*out)->run = NULL;
	return rc;
}

enum gt_err
gt_config_run_start(const struct gt_config *old, struct gt_config_run *run)
{
	struct gt_config *c;
	enum gt_err rc = GT_NOMEM;

	*run = (struct gt_config_run){.fd = -1};
	if (old->ini == NULL || !is_python_config(old->ini))
		return GT_OK;
	if ((c = malloc(sizeof(*c))) == NULL)
		return GT_NOMEM;
	*c = same_words(old);
	gt_config_init(c);
	c->cwd = gt_arena_strdup(&c->mem, gt_str_of(old->cwd));
	gather_words(c);
	if (c->cwd != NULL && !c->nomem)
		rc = gt_gunicorn_start(c, run);
	gt_config_destroy(c);
	return rc;
}

void
gt_config_destroy(struct gt_config *c)
{
	if (c == NULL)
		return;
	gt_config_fini(c);
	free(c);
}

enum gt_config_action
gt_config_action(const struct gt_config *c)
{
	return c->action;
}

const struct gt_settings *
gt_config_settings(const struct gt_config *c)
{
	return &c->settings;
}

size_t
gt_config_warnings(const struct gt_config *c, const char *const **v)
{
	*v = (const char *const *)c->warnings.v;
	return c->warnings.n;
}
