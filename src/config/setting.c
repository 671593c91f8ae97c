/* SPDX-License-Identifier: MIT */
/*
 * The table of settings as the .def files have it, and look-up in it.
 */
#include <stddef.h>

#include "config_priv.h"

enum { GT_R_RELOAD = 0, GT_R_RESTART = 1 };

const struct gt_setting gt_setting_table[GT_SETTINGS] = {
#define GT_SETTING(f, name_, type_, metavar_, dflt_, min_, max_, choices_, \
                   reload_, letter_, aliases_, summary_, text_)            \
	{.name = name_,                                                    \
	 .metavar = metavar_,                                              \
	 .dflt = dflt_,                                                    \
	 .choices = choices_,                                              \
	 .aliases = aliases_,                                              \
	 .summary = summary_,                                              \
	 .text = text_,                                                    \
	 .offset = offsetof(struct gt_settings, f),                        \
	 .min = min_,                                                      \
	 .max = max_,                                                      \
	 .type = GT_T_##type_,                                             \
	 .needs_restart = GT_R_##reload_,                                  \
	 .letter = letter_},
#include "tbl/settings.def"
#undef GT_SETTING
};

const struct gt_setting_group gt_setting_groups[] = {
#define GT_GROUP(id, title) {title, GT_FIRST_##id},
#define GT_SETTING(...)
#include "tbl/settings.def"
#undef GT_SETTING
    {NULL, GT_SETTINGS},
};

static bool
is_name(struct gt_str a, struct gt_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if ((a.p[i] == '_' ? '-' : a.p[i]) !=
		    (b.p[i] == '_' ? '-' : b.p[i]))
			return false;
	return true;
}

bool
gt_name_is_one_of(struct gt_str text, const char *name, const char *aliases)
{
	struct gt_str rest = gt_str_of(aliases), alias;

	if (text.n == 0)
		return false;
	if (is_name(text, gt_str_of(name)))
		return true;
	while (gt_str_split(&rest, ' ', &alias))
		if (is_name(text, alias))
			return true;
	return false;
}

const struct gt_setting *
gt_setting_find(struct gt_str name)
{
	const struct gt_setting *s = gt_setting_table;

	for (size_t i = 0; i < GT_SETTINGS; i++, s++)
		if (gt_name_is_one_of(name, s->name, s->aliases))
			return s;
	return NULL;
}

bool
gt_setting_is_list(const struct gt_setting *s)
{
	return s->type == GT_T_BINDS || s->type == GT_T_PATHS ||
	       s->type == GT_T_NETS || s->type == GT_T_NAMES ||
	       s->type == GT_T_FIELDS || s->type == GT_T_WORDS ||
	       s->type == GT_T_SECRETS || s->type == GT_T_ENV ||
	       s->type == GT_T_HOOKS;
}

bool
gt_setting_is_optional(const struct gt_setting *s)
{
	return s->type == GT_T_BOOL || s->metavar[0] == '[';
}

int
gt_setting_choice(const struct gt_setting *s, struct gt_str text)
{
	struct gt_str rest = gt_str_of(s->choices), part;

	for (int i = 0; gt_str_split(&rest, '|', &part); i++)
		if (gt_str_eq_icase(text, part))
			return i;
	return -1;
}

void *
gt_setting_field(struct gt_settings *v, const struct gt_setting *s)
{
	return (char *)v + s->offset;
}

const void *
gt_setting_value(const struct gt_settings *v, const struct gt_setting *s)
{
	return (const char *)v + s->offset;
}
