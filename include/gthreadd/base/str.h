/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of octets: not NUL-terminated, owned by somebody else.
 * Comparisons and case are ASCII, whatever the locale.
 */
#ifndef GTHREADD_BASE_STR_H
#define GTHREADD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct gt_str {
	const char *p;
	size_t n;
};

#define GT_STR(lit) ((struct gt_str){"" lit, sizeof(lit) - 1})

static inline struct gt_str
gt_str_of(const char *s)
{
	return (struct gt_str){s, strlen(s)};
}

static inline bool
gt_str_eq(struct gt_str a, struct gt_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char
gt_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline char
gt_ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static inline bool
gt_ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 0-15, or -1 when c is no hexadecimal digit. */
int gt_ascii_hex(char c);
bool gt_str_eq_icase(struct gt_str a, struct gt_str b);
bool gt_str_has_prefix(struct gt_str s, struct gt_str prefix);
bool gt_str_has_suffix(struct gt_str s, struct gt_str suffix);
/* Names of Python with dots between; letters of all alphabets pass. */
bool gt_str_is_dotted_name(struct gt_str s);
/* Without spaces and tabs at both ends. */
struct gt_str gt_str_trim(struct gt_str s);
/*
 * Take the part of *rest before the first sep (all of it when there is none)
 * and move *rest behind it. false: *rest was exhausted (p is NULL then).
 */
bool gt_str_split(struct gt_str *rest, char sep, struct gt_str *part);
/* Levenshtein distance of two short names, for "did you mean". */
size_t gt_str_distance(const char *a, const char *b);

#endif
