/* SPDX-License-Identifier: MIT */
/* Text to numbers. */
#include "gthreadd/base/parse.h"

static enum gt_err
parse_radix(struct gt_str s, unsigned radix, uint64_t *out)
{
	uint64_t v = 0;
	int d;

	if (s.n == 0)
		return GT_INVALID;
	for (size_t i = 0; i < s.n; i++) {
		if ((d = gt_ascii_hex(s.p[i])) < 0 || (unsigned)d >= radix)
			return GT_INVALID;
		if (__builtin_mul_overflow(v, radix, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return GT_RANGE;
	}
	*out = v;
	return GT_OK;
}

enum gt_err
gt_parse_decimal(struct gt_str s, uint64_t *out)
{
	return parse_radix(s, 10, out);
}

/* Is s in the form 0xN or 0oN? Then cut the prefix off. */
static bool
take_prefix(struct gt_str *s, char letter)
{
	if (s->n < 3 || s->p[0] != '0' || gt_ascii_lower(s->p[1]) != letter)
		return false;
	s->p += 2;
	s->n -= 2;
	return true;
}

enum gt_err
gt_parse_count(struct gt_str s, uint64_t *out)
{
	if (take_prefix(&s, 'x'))
		return parse_radix(s, 16, out);
	if (take_prefix(&s, 'o'))
		return parse_radix(s, 8, out);
	return parse_radix(s, 10, out);
}

/* Cut suffix off the end of s when it stands there. */
static bool
take_suffix(struct gt_str *s, struct gt_str suffix)
{
	struct gt_str end = {s->p + s->n - suffix.n, suffix.n};

	if (s->n <= suffix.n || !gt_str_eq_icase(end, suffix))
		return false;
	s->n -= suffix.n;
	return true;
}

/* "1.5" in thousandths; more digits than three are refused. */
static enum gt_err
parse_thousandths(struct gt_str s, uint64_t *out)
{
	struct gt_str whole = {NULL, 0}, part = {NULL, 0};
	uint64_t w, f = 0;
	enum gt_err rc;

	gt_str_split(&s, '.', &whole);
	if ((rc = parse_radix(whole, 10, &w)) != GT_OK)
		return rc;
	if (s.p != NULL) {
		part = s;
		if (part.n > 3)
			return GT_INVALID;
		if ((rc = parse_radix(part, 10, &f)) != GT_OK)
			return rc;
		for (size_t i = part.n; i < 3; i++)
			f *= 10;
	}
	if (w > INT64_MAX / 3600000 / 1000)
		return GT_RANGE;
	*out = w * 1000 + f;
	return GT_OK;
}

enum gt_err
gt_parse_duration(struct gt_str s, int64_t *ms)
{
	uint64_t v, unit = 1000;
	enum gt_err rc;

	if (take_suffix(&s, GT_STR("ms")))
		unit = 1;
	else if (take_suffix(&s, GT_STR("s")))
		unit = 1000;
	else if (take_suffix(&s, GT_STR("m")))
		unit = 60 * 1000;
	else if (take_suffix(&s, GT_STR("h")))
		unit = 3600 * 1000;
	if ((rc = parse_thousandths(s, &v)) != GT_OK)
		return rc;
	if (v * unit % 1000 != 0)
		return GT_INVALID; /* a part of a millisecond */
	*ms = (int64_t)(v * unit / 1000);
	return GT_OK;
}

enum gt_err
gt_parse_size(struct gt_str s, uint64_t *out)
{
	unsigned shift = 0;
	enum gt_err rc;

	if (take_suffix(&s, GT_STR("k")))
		shift = 10;
	else if (take_suffix(&s, GT_STR("m")))
		shift = 20;
	else if (take_suffix(&s, GT_STR("g")))
		shift = 30;
	if ((rc = gt_parse_count(s, out)) != GT_OK)
		return rc;
	if (*out > UINT64_MAX >> shift)
		return GT_RANGE;
	*out <<= shift;
	return GT_OK;
}

enum gt_err
gt_parse_bool(struct gt_str s, bool *out)
{
	static const struct {
		struct gt_str text;
		bool value;
	} words[] = {
	    {{"true", 4}, true}, {{"false", 5}, false}, {{"yes", 3}, true},
	    {{"no", 2}, false},  {{"on", 2}, true},     {{"off", 3}, false},
	    {{"1", 1}, true},    {{"0", 1}, false},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (gt_str_eq_icase(s, words[i].text)) {
			*out = words[i].value;
			return GT_OK;
		}
	}
	return GT_INVALID;
}

enum gt_err
gt_parse_mode(struct gt_str s, unsigned *out)
{
	uint64_t v;
	enum gt_err rc;

	take_prefix(&s, 'o');
	if ((rc = parse_radix(s, 8, &v)) != GT_OK)
		return rc;
	if (v > 07777)
		return GT_RANGE;
	*out = (unsigned)v;
	return GT_OK;
}
