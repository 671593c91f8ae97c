/* SPDX-License-Identifier: MIT */
/*
 * What one setting alone does not tell: paths become absolute, a 0 or an
 * unset value that stands for another number is replaced by it, settings that
 * follow from others are derived, and what does not go together is reported.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/os.h"

#include "config_priv.h"

#define LINE_MAX_OCTETS 65536 /* what 0 means for lines and fields */
#define FIELDS_MAX      32768

static void
report_at(struct gt_config *c, enum gt_setting_id id, const char *what)
{
	gt_report_setting(c, &c->origins[id], gt_setting_table[id].name, "%s",
	                  what);
}

static void
report_value(struct gt_config *c, enum gt_setting_id id, const char *value,
             const char *why)
{
	gt_report_setting(c, &c->origins[id], gt_setting_table[id].name,
	                  "'%s': %s%s", value, why,
	                  gt_report_comment(&c->origins[id], value));
}

static bool
is_set(const struct gt_config *c, enum gt_setting_id id)
{
	return c->origins[id].level != GT_LEVEL_DEFAULT;
}

/* prefix + base + "/" + path, which is relative; "." and "" add nothing. */
static char *
join(struct gt_config *c, const char *prefix, const char *base,
     const char *path)
{
	struct gt_buf text = {0};
	char *joined = NULL;

	while (strncmp(path, "./", 2) == 0) {
		path += 2;
		path += strspn(path, "/");
	}
	if (strcmp(path, ".") == 0)
		path = "";
	if (gt_buf_addf(&text, "%s%s%s%s", prefix, base,
	                *path == '\0' ? "" : "/", path) == GT_OK)
		joined = gt_arena_strdup(&c->mem, gt_buf_str(&text));
	gt_buf_fini(&text);
	c->nomem |= joined == NULL;
	return joined;
}

static void
make_absolute(struct gt_config *c, const char *base, char **path)
{
	char *joined;

	if (**path == '\0' || **path == '/')
		return;
	if ((joined = join(c, "", base, *path)) != NULL)
		*path = joined;
}

/* "unix:x.sock" is a path like any other; it may grow too long for a bind. */
static void
make_bind_absolute(struct gt_config *c, const char *base, char **text)
{
	struct gt_bind bind;
	const char *why;
	char *joined;

	if (gt_bind_parse(gt_str_of(*text), &bind, &why) != GT_OK ||
	    bind.kind != GT_BIND_UNIX || bind.path[0] == '/')
		return;
	if ((joined = join(c, "unix:", base, bind.path)) == NULL)
		return;
	if (gt_bind_parse(gt_str_of(joined), &bind, &why) != GT_OK)
		report_at(c, GT_S_bind, why);
	*text = joined;
}

static void
make_list_absolute(struct gt_config *c, const struct gt_setting *s,
                   const char *base, struct gt_strv *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (s->type == GT_T_BINDS)
			make_bind_absolute(c, base, &list->v[i]);
		else
			make_absolute(c, base, &list->v[i]);
	}
}

static void
resolve_chdir(struct gt_config *c, const char *cwd)
{
	char **dir = &c->settings.chdir;
	struct stat st;

	if (**dir == '\0')
		*dir = join(c, "", cwd, "");
	else
		make_absolute(c, cwd, dir);
	if (*dir == NULL) {
		*dir = gt_arena_strdup(&c->mem, GT_STR("/"));
		return;
	}
	if (stat(*dir, &st) < 0)
		report_value(c, GT_S_chdir, *dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		report_value(c, GT_S_chdir, *dir, "is not a directory");
}

static void
resolve_paths(struct gt_config *c)
{
	const char *base = c->settings.chdir;

	for (size_t i = 0; i < GT_SETTINGS; i++) {
		const struct gt_setting *s = &gt_setting_table[i];
		void *field = gt_setting_field(&c->settings, s);

		if (s->type == GT_T_PATH && i != GT_S_chdir)
			make_absolute(c, base, field);
		else if (s->type == GT_T_LOGFILE &&
		         strcmp(*(char **)field, "-") != 0)
			make_absolute(c, base, field);
		else if (s->type == GT_T_BINDS || s->type == GT_T_PATHS)
			make_list_absolute(c, s, base, field);
	}
}

static void
derive(struct gt_config *c, enum gt_setting_id id, const char *from)
{
	c->origins[id] = (struct gt_origin){GT_LEVEL_DERIVED, from, 0};
}

/*
 * sync is one thread without keep-alive. With several threads asked for it
 * means gthread, as in gunicorn; the default of threads asks for none.
 */
static void
resolve_class(struct gt_config *c)
{
	struct gt_settings *v = &c->settings;

	if (v->worker_class != GT_CLASS_SYNC)
		return;
	if (is_set(c, GT_S_threads) && v->threads > 1) {
		v->worker_class = GT_CLASS_GTHREAD;
		gt_report_warning(c,
		                  "worker-class sync with threads=%" PRIu64
		                  " means gthread",
		                  v->threads);
		return;
	}
	if (is_set(c, GT_S_keep_alive_ms) && v->keep_alive_ms > 0)
		gt_report_warning(c, "keep-alive has no effect with "
		                     "worker-class sync");
	v->threads = 1;
	v->keep_alive_ms = 0;
	derive(c, GT_S_threads, "worker-class");
	derive(c, GT_S_keep_alive_ms, "worker-class");
}

/* A successor forked from a preloaded app would have the old code. */
static void
resolve_reload(struct gt_config *c)
{
	struct gt_settings *v = &c->settings;

	if (!v->reload || !v->preload)
		return;
	gt_report_warning(c, "preload has no effect with reload");
	v->preload = false;
	derive(c, GT_S_preload, "reload");
}

static void
resolve_numbers(struct gt_config *c)
{
	struct gt_settings *v = &c->settings;

	if (v->queue_size == 0)
		v->queue_size = 2 * v->threads;
	if (v->limit_request_line == 0)
		v->limit_request_line = LINE_MAX_OCTETS;
	if (v->limit_request_field_size == 0)
		v->limit_request_field_size = LINE_MAX_OCTETS;
	if (v->limit_request_fields == 0)
		v->limit_request_fields = FIELDS_MAX;
	if (v->socket_mode == UINT_MAX)
		v->socket_mode =
		    is_set(c, GT_S_umask) ? 0666 & ~v->umask : 0666;
}

static void
check_numbers(struct gt_config *c)
{
	const struct gt_settings *v = &c->settings;

	if (v->worker_connections < v->threads)
		gt_report_warning(c,
		                  "worker-connections=%" PRIu64
		                  " leaves some of threads=%" PRIu64
		                  " without work",
		                  v->worker_connections, v->threads);
	if (is_set(c, GT_S_limit_request_line) &&
	    v->limit_request_line > v->limit_request_head)
		gt_report_warning(c, "limit-request-line is above "
		                     "limit-request-head, which holds first");
	if (is_set(c, GT_S_limit_request_field_size) &&
	    v->limit_request_field_size > v->limit_request_head)
		gt_report_warning(c, "limit-request-field-size is above "
		                     "limit-request-head, which holds first");
}

/* A name may be several addresses: the rest is known when it is opened. */
static void
check_binds(struct gt_config *c)
{
	char why[80];

	if (c->settings.bind.n <= GT_BIND_MAX)
		return;
	snprintf(why, sizeof(why), "%zu addresses, and %d are the most",
	         c->settings.bind.n, GT_BIND_MAX);
	report_at(c, GT_S_bind, why);
}

static void
check_spool(struct gt_config *c)
{
	const struct gt_settings *v = &c->settings;
	struct stat st;

	if (v->body_spool > 0 &&
	    (stat(v->tmp_upload_dir, &st) < 0 || !S_ISDIR(st.st_mode)))
		gt_report_warning(c,
		                  "tmp-upload-dir=%s is no directory: uploads "
		                  "above body-buffer will be answered with 507",
		                  v->tmp_upload_dir);
}

static void
check_logs(struct gt_config *c)
{
	if (c->settings.daemon && !c->settings.stdio_inheritance &&
	    strcmp(c->settings.error_logfile, "-") == 0)
		gt_report_warning(c, "daemon without an error-logfile: what "
		                     "is logged after the start is lost");
}

/* Known before a worker is forked, and before a bind is tried in vain. */
static void
check_switch(struct gt_config *c, const struct gt_os_user *u)
{
	const struct gt_settings *v = &c->settings;
	bool is_user = u->uid != geteuid() || *v->group == '\0';
	char why[160];

	if (gt_os_user_try(u) == GT_OK)
		return;
	if (geteuid() != 0)
		snprintf(why, sizeof(why),
		         "only root can switch to it, and this is uid %d: "
		         "start as root, or leave the setting out",
		         (int)geteuid());
	else
		snprintf(why, sizeof(why),
		         "cannot be switched to: %s: root needs CAP_SETUID "
		         "and CAP_SETGID",
		         strerror(errno));
	report_value(c, is_user ? GT_S_user : GT_S_group,
	             is_user ? v->user : v->group, why);
}

/* A reload keeps both, and has no need to try. */
static void
check_user(struct gt_config *c, bool is_reload)
{
	const struct gt_settings *v = &c->settings;
	struct gt_os_user u;
	const char *why;
	bool exist = true;

	if (gt_os_user_find(v->user, "", &u, &why) != GT_OK) {
		report_value(c, GT_S_user, v->user, why);
		exist = false;
	}
	if (gt_os_user_find("", v->group, &u, &why) != GT_OK) {
		report_value(c, GT_S_group, v->group, why);
		exist = false;
	}
	/* Anybody may look at the settings of a service. */
	if (exist && !is_reload && c->action != GT_ACTION_PRINT &&
	    gt_os_user_find(v->user, v->group, &u, &why) == GT_OK)
		check_switch(c, &u);
}

/* A name with '_' would be dropped before it could tell anything. */
static void
check_header(struct gt_config *c, enum gt_setting_id id, const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!gt_ascii_is_digit(*p) && *p != '-' &&
		    (gt_ascii_lower(*p) < 'a' || gt_ascii_lower(*p) > 'z')) {
			report_value(c, id, name,
			             "is not a name of letters, digits and "
			             "hyphens");
			return;
		}
}

static void
check_presence(struct gt_config *c)
{
	struct gt_settings *v = &c->settings;

	if (*v->app != '\0' && *v->paste != '\0')
		gt_report_warning(c, "paste takes the place of wsgi-app");
	if (*v->app == '\0' && *v->paste == '\0' && !c->part_lost &&
	    c->action != GT_ACTION_PRINT)
		gt_report_setting(
		    c,
		    is_set(c, GT_S_app)
		        ? &c->origins[GT_S_app]
		        : &(struct gt_origin){GT_LEVEL_CLI, NULL, 0},
		    "wsgi-app",
		    "is missing: name the application, as in "
		    "gthreadd MODULE:NAME");
	if (*v->error_logfile == '\0' &&
	    (v->error_logfile = gt_arena_strdup(&c->mem, GT_STR("-"))) == NULL)
		c->nomem = true;
}

/* A text is the new snapshot's own: the old one may go before it. */
static void
copy_text(struct gt_config *c, char **field, const char *text)
{
	char *copy = gt_arena_strdup(&c->mem, gt_str_of(text));

	if (copy == NULL)
		c->nomem = true;
	else
		*field = copy;
}

static bool
is_text(const struct gt_setting *s)
{
	return s->type == GT_T_STRING || s->type == GT_T_PATH ||
	       s->type == GT_T_LOGFILE;
}

/* Of a number; the table's types name C's. */
static size_t
size_of(const struct gt_setting *s)
{
	if (s->type == GT_T_BOOL)
		return sizeof(GT_TYPE_BOOL);
	if (s->type == GT_T_MODE)
		return sizeof(GT_TYPE_MODE);
	if (s->type == GT_T_ENUM)
		return sizeof(GT_TYPE_ENUM);
	if (s->type == GT_T_SIZE)
		return sizeof(GT_TYPE_SIZE);
	_Static_assert(sizeof(GT_TYPE_COUNT) == sizeof(GT_TYPE_DURATION),
	               "what is left has one size");
	return sizeof(GT_TYPE_COUNT);
}

/* Settings that need a restart are texts and numbers, no lists: a test. */
static void
keep(struct gt_config *c, enum gt_setting_id id, const struct gt_config *old)
{
	const struct gt_setting *s = &gt_setting_table[id];
	const void *now = gt_setting_value(&old->settings, s);
	void *field = gt_setting_field(&c->settings, s);
	bool differs;

	if (is_text(s)) {
		differs = strcmp(*(char **)field, *(char *const *)now) != 0;
		copy_text(c, field, *(char *const *)now);
	} else {
		differs = memcmp(field, now, size_of(s)) != 0;
		memcpy(field, now, size_of(s));
	}
	if (differs)
		gt_report_warning(c,
		                  "setting '%s' was changed: that needs a "
		                  "restart, the old value holds",
		                  s->name);
}

static void
keep_all(struct gt_config *c, const struct gt_config *old)
{
	for (size_t i = 0; i < GT_SETTINGS; i++)
		if (gt_setting_table[i].needs_restart)
			keep(c, (enum gt_setting_id)i, old);
}

void
gt_config_resolve(struct gt_config *c, const char *cwd,
                  const struct gt_config *old)
{
	if (c->nomem)
		return;
	check_presence(c);
	resolve_chdir(c, cwd);
	if (c->nomem)
		return;
	if (old != NULL) { /* others follow from these */
		keep(c, GT_S_chdir, old);
		keep(c, GT_S_umask, old);
		c->origins[GT_S_umask].level = old->origins[GT_S_umask].level;
	}
	resolve_paths(c);
	resolve_class(c);
	resolve_reload(c);
	resolve_numbers(c);
	if (old != NULL)
		keep_all(c, old);
	check_numbers(c);
	check_binds(c);
	check_logs(c);
	check_spool(c);
	check_user(c, old != NULL);
	check_header(c, GT_S_remote_addr_header,
	             c->settings.remote_addr_header);
	check_header(c, GT_S_request_id_header, c->settings.request_id_header);
}
