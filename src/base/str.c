/* SPDX-License-Identifier: MIT */
/* Runs of octets: comparison, trimming, splitting. */
#include <stdlib.h>

#include "gthreadd/base/str.h"

int
gt_ascii_hex(char c)
{
	if (gt_ascii_is_digit(c))
		return c - '0';
	c = gt_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
gt_str_eq_icase(struct gt_str a, struct gt_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (gt_ascii_lower(a.p[i]) != gt_ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
gt_str_has_suffix(struct gt_str s, struct gt_str suffix)
{
	return s.n >= suffix.n &&
	       gt_str_eq((struct gt_str){s.p + s.n - suffix.n, suffix.n},
	                 suffix);
}

bool
gt_str_has_prefix(struct gt_str s, struct gt_str prefix)
{
	return s.n >= prefix.n &&
	       (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name_octet(char c, bool first)
{
	char lower = gt_ascii_lower(c);

	return (lower >= 'a' && lower <= 'z') || c == '_' ||
	       (unsigned char)c >= 0x80 || (!first && gt_ascii_is_digit(c));
}

bool
gt_str_is_dotted_name(struct gt_str s)
{
	bool first = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && !first)
			first = true;
		else if (is_name_octet(s.p[i], first))
			first = false;
		else
			return false;
	}
	return !first;
}

struct gt_str
gt_str_trim(struct gt_str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
gt_str_split(struct gt_str *rest, char sep, struct gt_str *part)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	*part = *rest;
	end = rest->n == 0 ? NULL : memchr(rest->p, sep, rest->n);
	if (end == NULL) {
		*rest = (struct gt_str){NULL, 0};
		return true;
	}
	part->n = (size_t)(end - rest->p);
	rest->p = end + 1;
	rest->n -= part->n + 1;
	return true;
}

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

#define DISTANCE_MAX 64 /* longer names are all equally far */

size_t
gt_str_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	size_t row[DISTANCE_MAX + 1];

	if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
		return DISTANCE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
			              diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}
