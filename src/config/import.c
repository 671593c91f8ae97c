/* SPDX-License-Identifier: MIT */
/*
 * --import-gunicorn: the INI file that says what a gunicorn Python config
 * says, with comments on what has no equivalent here and on defaults that
 * differ. By the same tables as -c FILE.py.
 */
#include <stdio.h>
#include <string.h>

#include "config_priv.h"

static const struct {
	enum gt_setting_id id;
	const char *value;
	const char *why;
} differs[] = {
#define GT_DIFFERS(field, value_, why_) {GT_S_##field, value_, why_},
#include "tbl/differs.def"
#undef GT_DIFFERS
};

/* Settings with a section of their own; the name is both's. */
#define SECTIONS 3
static const char *const sections[SECTIONS] = {"env", "secure-scheme-headers",
                                               "hooks"};

/* Where a setting stands in the file. */
struct ini {
	struct gt_import m; /* first: the ops get this */
	struct gt_buf main, sections[SECTIONS];
	bool seen[GT_SETTINGS];
	bool is_sync;
	bool nomem;
};

static struct gt_buf *
place_of(struct ini *ini, const struct gt_setting *s)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (strcmp(s->name, sections[i]) == 0)
			return &ini->sections[i];
	return &ini->main;
}

/* A comment cannot go over the end of its line. */
static void
add_line(struct ini *ini, struct gt_buf *to, const char *before,
         const char *text, const char *after)
{
	size_t start = to->len;

	if (gt_buf_addf(to, "%s%s%s", before, text, after) != GT_OK) {
		ini->nomem = true;
		return;
	}
	for (size_t i = start; i < to->len; i++)
		if (to->p[i] == '\n')
			to->p[i] = ' ';
	ini->nomem |= gt_buf_add(to, "\n", 1) != GT_OK;
}

static void
comment(struct ini *ini, const char *name, const char *value, const char *why)
{
	char before[160];

	snprintf(before, sizeof(before), "# %s = ", name);
	add_line(ini, &ini->main, before, value, "");
	add_line(ini, &ini->main, "#   ", why, "");
}

/* Would the value be taken? Why not, else. */
static const char *
what_is_wrong(struct ini *ini, const struct gt_setting *s, const char *value,
              struct gt_why *why)
{
	struct gt_settings scratch = {0};

	if (strchr(value, '\n') != NULL)
		return "the value has more than one line";
	if (gt_value_set(&ini->m.c->mem, s, gt_class_canonical(s, value),
	                 gt_setting_field(&scratch, s), why) == GT_INVALID)
		return why->text;
	return NULL;
}

static void
write_setting(struct gt_import *m, const struct gt_setting *s,
              const struct gt_record *r)
{
	struct ini *ini = (struct ini *)m;
	struct gt_buf *to = place_of(ini, s);
	const char *wrong, *value = r->value;
	struct gt_why why;
	char before[80];

	ini->seen[s - gt_setting_table] = true;
	if ((wrong = what_is_wrong(ini, s, value, &why)) != NULL) {
		comment(ini, s->name, value, wrong);
		return;
	}
	value = gt_class_canonical(s, value);
	if (s == &gt_setting_table[GT_S_worker_class])
		ini->is_sync = strcmp(value, "sync") == 0;
	if (*value == '\0') /* a section cannot say that it is empty */
		to = &ini->main;
	if (to == &ini->main) {
		snprintf(before, sizeof(before), "%s = ", s->name);
		add_line(ini, to, before, value, "");
	} else { /* NAME=value */
		snprintf(before, sizeof(before),
		         "%.*s = ", (int)strcspn(value, "="), value);
		add_line(ini, to, before, value + strcspn(value, "=") + 1, "");
	}
}

static void
write_foreign(struct gt_import *m, const struct gt_foreign *f,
              const struct gt_record *r)
{
	char why[320];

	snprintf(why, sizeof(why), "%s: %s",
	         f->is_refused ? "refused" : "without effect", f->why);
	comment((struct ini *)m, f->name, r->value, why);
}

static void
write_wrong(struct gt_import *m, const char *name, const struct gt_record *r,
            const char *why)
{
	comment((struct ini *)m, name, r->value, why);
}

static void
write_differences(struct ini *ini)
{
	/* One thread without keep-alive, as there. */
	if (ini->is_sync && !ini->seen[GT_S_threads])
		ini->seen[GT_S_threads] = ini->seen[GT_S_keep_alive_ms] = true;
	for (size_t i = 0; i < sizeof(differs) / sizeof(differs[0]); i++) {
		const struct gt_setting *s = &gt_setting_table[differs[i].id];
		char text[320];

		if (ini->seen[differs[i].id])
			continue;
		snprintf(text, sizeof(text),
		         "# Not set, and %s here; gunicorn's default is %s: %s",
		         s->dflt, differs[i].value, differs[i].why);
		add_line(ini, &ini->main, text, "", "");
		snprintf(text, sizeof(text), "#%s = %s", s->name,
		         differs[i].value);
		add_line(ini, &ini->main, text, "", "");
	}
}

static void
join(struct ini *ini)
{
	struct gt_config *c = ini->m.c;

	for (size_t i = 0; i < SECTIONS; i++)
		if (ini->sections[i].len > 0)
			ini->nomem |=
			    gt_buf_addf(&ini->main, "\n[%s]\n%.*s", sections[i],
			                (int)ini->sections[i].len,
			                ini->sections[i].p) != GT_OK;
	c->imported = gt_arena_strdup(&c->mem, gt_buf_str(&ini->main));
	c->nomem |= ini->nomem || c->imported == NULL;
}

void
gt_import_write(struct gt_config *c)
{
	static const struct gt_import_ops ops = {
	    .setting = write_setting,
	    .foreign = write_foreign,
	    .wrong = write_wrong,
	};
	struct ini ini = {0};

	ini.m.c = c;
	add_line(&ini, &ini.main, "# Settings of gthreadd, made from ",
	         c->import_path, ". See gthreadd.ini(5).");
	add_line(&ini, &ini.main, "", "[gthreadd]", "");
	gt_gunicorn_read(c, c->import_path, &ops, &ini.m);
	write_differences(&ini);
	join(&ini);
	gt_buf_fini(&ini.main);
	for (size_t i = 0; i < SECTIONS; i++)
		gt_buf_fini(&ini.sections[i]);
}

const char *
gt_config_import(const struct gt_config *c)
{
	return c->imported == NULL ? "" : c->imported;
}
