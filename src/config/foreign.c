/* SPDX-License-Identifier: MIT */
/*
 * Settings of gunicorn, and of a fuller build, that this build does not have:
 * known by name, so that they are accepted with one warning or refused with
 * the reason.
 */
#include "gthreadd/base/parse.h"

#include "config_priv.h"

#define GT_HAS_FLAG    false
#define GT_HAS_VALUE   true
#define GT_ACT_IDLE    false
#define GT_ACT_REFUSED true

const struct gt_foreign gt_foreign_table[] = {
#define GT_FOREIGN(name_, aliases_, has_, act_, accepts_, why_) \
	{.name = name_,                                         \
	 .aliases = aliases_,                                   \
	 .accepts = accepts_,                                   \
	 .why = why_,                                           \
	 .has_value = GT_HAS_##has_,                            \
	 .is_refused = GT_ACT_##act_},
#include "tbl/foreign.def"
#undef GT_FOREIGN
    {.name = NULL},
};

_Static_assert(sizeof(gt_foreign_table) / sizeof(gt_foreign_table[0]) <= 65,
               "one bit each in gt_config.foreign_said");

const struct gt_foreign *
gt_foreign_find(struct gt_str name)
{
	const struct gt_foreign *f;

	for (f = gt_foreign_table; f->name != NULL; f++)
		if (gt_name_is_one_of(name, f->name, f->aliases))
			return f;
	return NULL;
}

static bool
needs_no_word(const struct gt_foreign *f, struct gt_str value)
{
	bool on;

	/* certfile = os.environ.get("CERT", "") */
	if (f->is_refused && f->has_value && value.n == 0)
		return true;
	if (f->accepts[0] != '\0' &&
	    gt_str_eq_icase(value, gt_str_of(f->accepts)))
		return true;
	if (f->has_value || gt_parse_bool(value, &on) != GT_OK)
		return false;
	return !on || gt_str_eq(gt_str_of(f->accepts), GT_STR("true"));
}

void
gt_foreign_take(struct gt_config *c, const struct gt_foreign *f,
                struct gt_str value, const struct gt_origin *o)
{
	uint64_t bit = UINT64_C(1) << (f - gt_foreign_table);
	char origin[GT_ORIGIN_TEXT];

	if (needs_no_word(f, gt_str_trim(value)))
		return;
	if (f->is_refused) {
		gt_report_setting(c, o, f->name, "%s", f->why);
		return;
	}
	if ((c->foreign_said & bit) != 0)
		return;
	c->foreign_said |= bit;
	gt_origin_format(o, origin);
	gt_report_warning(c, "%s: setting '%s' has no effect: %s", origin,
	                  f->name, f->why);
}
