/* SPDX-License-Identifier: MIT */
/*
 * The list of hooks. An entry is "name=callable", and behind its NUL stands
 * where it was set: the callable is looked up in another process, long after
 * the file was read, and what is wrong with it must still name the line.
 */
#include <stdio.h>
#include <string.h>

#include "gthreadd/config/hooks.h"

#include "config_priv.h"

static const struct hook {
	const char *name;
	const char *args;
	enum gt_hook_side side;
} table[GT_HOOK_COUNT] = {
#define GT_HOOK(name_, side_, args_) {#name_, args_, GT_HOOK_##side_},
#include "tbl/hook_names.def"
#undef GT_HOOK
};

const char *
gt_hook_name(enum gt_hook hook)
{
	return table[hook].name;
}

const char *
gt_hook_args(enum gt_hook hook)
{
	return table[hook].args;
}

/* '-' and '_' are equal, as in names of settings. GT_HOOK_COUNT: none. */
static enum gt_hook
find(struct gt_str name)
{
	for (size_t i = 0; i < GT_HOOK_COUNT; i++) {
		const char *have = table[i].name;
		size_t n = 0;

		while (n < name.n && have[n] != '\0' &&
		       have[n] == (name.p[n] == '-' ? '_' : name.p[n]))
			n++;
		if (n == name.n && have[n] == '\0')
			return (enum gt_hook)i;
	}
	return GT_HOOK_COUNT;
}

/* What is wrong with "module:function"; NULL: nothing. */
static const char *
check_callable(struct gt_str spec)
{
	const char *colon = spec.n == 0 ? NULL : memrchr(spec.p, ':', spec.n);
	struct gt_str place, object;

	if (colon == NULL)
		return "module:function or file:PATH:function is needed";
	place = (struct gt_str){spec.p, (size_t)(colon - spec.p)};
	object = (struct gt_str){colon + 1, spec.n - place.n - 1};
	if (!gt_str_is_dotted_name(object))
		return "the part behind the last ':' is not a name";
	if (gt_str_has_prefix(place, GT_STR("file:")))
		return place.n > 5 ? NULL : "the PATH of file:PATH is empty";
	if (memchr(place.p, '/', place.n) != NULL)
		return "a path is written file:PATH:function";
	return gt_str_is_dotted_name(place)
	           ? NULL
	           : "the part before ':' is no module name";
}

static enum gt_err
refuse_name(struct gt_str name, struct gt_why *why)
{
	struct gt_near near;
	char hint[96];

	gt_near_init(&near, name);
	for (size_t i = 0; i < GT_HOOK_COUNT; i++)
		gt_near_offer(&near, gt_str_of(table[i].name));
	snprintf(why->text, sizeof(why->text), "'%.*s' is no hook%s",
	         name.n < 60 ? (int)name.n : 60, name.p,
	         gt_near_hint(&near, "", hint));
	return GT_INVALID;
}

enum gt_err
gt_hooks_add(struct gt_arena *mem, struct gt_str text, struct gt_strv *list,
             struct gt_why *why)
{
	struct gt_str name, spec = gt_str_trim(text);
	const char *wrong;
	enum gt_hook hook;
	char *entry;

	if (spec.n == 0)
		return GT_OK;
	gt_str_split(&spec, '=', &name);
	name = gt_str_trim(name);
	if ((hook = find(name)) == GT_HOOK_COUNT)
		return refuse_name(name, why);
	spec = spec.p == NULL ? GT_STR("") : gt_str_trim(spec);
	if ((wrong = check_callable(spec)) != NULL) {
		snprintf(why->text, sizeof(why->text), "%s: %s",
		         table[hook].name, wrong);
		return GT_INVALID;
	}
	entry = gt_arena_alloc(mem, strlen(table[hook].name) + spec.n + 3);
	if (entry == NULL)
		return GT_NOMEM;
	/* The second NUL ends an empty origin. */
	memset(entry, 0, strlen(table[hook].name) + spec.n + 3);
	snprintf(entry, strlen(table[hook].name) + spec.n + 2, "%s=%.*s",
	         table[hook].name, (int)spec.n, spec.p);
	return gt_strv_add(mem, list, entry);
}

static const char *
value_of(const char *entry)
{
	return strchr(entry, '=') + 1;
}

static bool
is_of(const char *entry, enum gt_hook hook)
{
	size_t n = strlen(table[hook].name);

	return strncmp(entry, table[hook].name, n) == 0 && entry[n] == '=';
}

/* The last entry of hook among the first n; n: there is none. */
static size_t
find_entry(const struct gt_strv *list, size_t n, enum gt_hook hook)
{
	for (size_t i = n; i > 0; i--)
		if (is_of(list->v[i - 1], hook))
			return i - 1;
	return n;
}

/* One hook has one callable: a later one takes its place. */
static void
drop_double(struct gt_config *c, const struct gt_origin *at)
{
	struct gt_strv *list = &c->settings.hooks;
	size_t last = list->n - 1, n = strcspn(list->v[last], "=") + 1, i;
	char where[GT_ORIGIN_TEXT];

	for (i = 0; i < last; i++)
		if (strncmp(list->v[i], list->v[last], n) == 0)
			break;
	if (i == last)
		return;
	gt_origin_format(at, where);
	gt_report_warning(c,
	                  "%s: hook '%.*s' was given already; this one holds",
	                  where, (int)n - 1, list->v[last]);
	list->v[i] = list->v[last];
	list->n--;
}

void
gt_hooks_place(struct gt_config *c, const struct gt_origin *at)
{
	struct gt_strv *list = &c->settings.hooks;
	char where[GT_ORIGIN_TEXT], *entry;
	size_t n, k;

	if (list->n == 0)
		return;
	gt_origin_format(at, where);
	n = strlen(list->v[list->n - 1]) + 1;
	k = strlen(where) + 1;
	if ((entry = gt_arena_alloc(&c->mem, n + k)) == NULL) {
		c->nomem = true;
		return;
	}
	memcpy(entry, list->v[list->n - 1], n);
	memcpy(entry + n, where, k);
	list->v[list->n - 1] = entry;
	drop_double(c, at);
}

const char *
gt_hook_spec(const struct gt_settings *s, enum gt_hook hook)
{
	size_t i = find_entry(&s->hooks, s->hooks.n, hook);

	return i == s->hooks.n ? NULL : value_of(s->hooks.v[i]);
}

const char *
gt_hook_origin(const struct gt_settings *s, enum gt_hook hook)
{
	size_t i = find_entry(&s->hooks, s->hooks.n, hook);

	return i == s->hooks.n ? "" : s->hooks.v[i] + strlen(s->hooks.v[i]) + 1;
}

bool
gt_hooks_are_set(const struct gt_settings *s, enum gt_hook_side side)
{
	for (size_t i = 0; i < GT_HOOK_COUNT; i++)
		if (table[i].side == side &&
		    gt_hook_spec(s, (enum gt_hook)i) != NULL)
			return true;
	return false;
}
