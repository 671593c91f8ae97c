/* SPDX-License-Identifier: MIT */
/*
 * One text to one value of its setting's type, and back. Knows neither where
 * the text came from nor what other settings say.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/cidr.h"
#include "gthreadd/base/parse.h"

#include "config_priv.h"

#define DURATION_MAX (INT64_C(10) * 366 * 24 * 3600 * 1000) /* ms */

GT_PRINTF(2, 3)
static enum gt_err
refuse(struct gt_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return GT_INVALID;
}

static enum gt_err
refuse_text(struct gt_why *why, struct gt_str s, const char *what)
{
	return refuse(why, "'%.*s' is not %s", s.n < 80 ? (int)s.n : 80, s.p,
	              what);
}

/* v of type as text that parses to v. */
static void
format_number(enum gt_type type, uint64_t v, char out[32])
{
	const char *unit = "";

	if (type == GT_T_MODE) {
		snprintf(out, 32, "%#" PRIo64, v);
		return;
	}
	if (type == GT_T_DURATION && v != 0) {
		unit = v % 1000 == 0 ? "s" : "ms";
		v /= v % 1000 == 0 ? 1000 : 1;
	}
	if (type == GT_T_SIZE) {
		for (const char *u = "kmg"; *u && v && v % 1024 == 0; u++) {
			unit = u;
			v /= 1024;
		}
	}
	snprintf(out, 32, "%" PRIu64 "%.*s", v,
	         type == GT_T_SIZE && *unit ? 1 : 2, unit);
}

static enum gt_err
check_range(const struct gt_setting *s, uint64_t v, uint64_t type_max,
            struct gt_why *why)
{
	uint64_t max = s->max != 0 && s->max < type_max ? s->max : type_max;
	char text[32];

	if (v < s->min) {
		format_number(s->type, s->min, text);
		return refuse(why, "must be at least %s", text);
	}
	if (v > max) {
		format_number(s->type, max, text);
		return refuse(why, "must be at most %s", text);
	}
	return GT_OK;
}

/* What was parsed with rc to v; GT_RANGE: it is too large for any type. */
static enum gt_err
check_number(const struct gt_setting *s, struct gt_str text, enum gt_err rc,
             uint64_t v, uint64_t type_max, const char *what,
             struct gt_why *why)
{
	if (rc == GT_INVALID)
		return refuse_text(why, text, what);
	return check_range(s, rc == GT_RANGE ? UINT64_MAX : v, type_max, why);
}

static enum gt_err
set_count(const struct gt_setting *s, struct gt_str text, void *field,
          struct gt_why *why)
{
	uint64_t v = 0;
	enum gt_err rc = gt_parse_count(text, &v);

	rc = check_number(s, text, rc, v, INT64_MAX, "a number", why);
	if (rc == GT_OK)
		*(uint64_t *)field = v;
	return rc;
}

static enum gt_err
set_size(const struct gt_setting *s, struct gt_str text, void *field,
         struct gt_why *why)
{
	uint64_t v = 0;
	enum gt_err rc = gt_parse_size(text, &v);

	rc = check_number(s, text, rc, v, SSIZE_MAX,
	                  "a size (8190, 64k, 1m, 2g)", why);
	if (rc == GT_OK)
		*(size_t *)field = (size_t)v;
	return rc;
}

static enum gt_err
set_duration(const struct gt_setting *s, struct gt_str text, void *field,
             struct gt_why *why)
{
	int64_t v = 0;
	enum gt_err rc = gt_parse_duration(text, &v);

	rc = check_number(s, text, rc, (uint64_t)v, DURATION_MAX,
	                  "a duration (30, 1.5s, 500ms, 2m, 1h)", why);
	if (rc == GT_OK)
		*(int64_t *)field = v;
	return rc;
}

static enum gt_err
set_bool(struct gt_str text, void *field, struct gt_why *why)
{
	if (gt_parse_bool(text, field) != GT_OK)
		return refuse_text(why, text, "true or false");
	return GT_OK;
}

/* A mode whose default is "" can be unset: UINT_MAX (resolve.c fills it). */
static enum gt_err
set_mode(const struct gt_setting *s, struct gt_str text, void *field,
         struct gt_why *why)
{
	unsigned v = UINT_MAX;
	enum gt_err rc;

	if (text.n == 0 && s->dflt[0] == '\0') {
		*(unsigned *)field = v;
		return GT_OK;
	}
	rc = gt_parse_mode(text, &v);
	rc = check_number(s, text, rc, v, 07777, "an octal mode such as 022",
	                  why);
	if (rc == GT_OK)
		*(unsigned *)field = v;
	return rc;
}

static enum gt_err
refuse_choice(const struct gt_setting *s, struct gt_str text,
              struct gt_why *why)
{
	struct gt_str rest = gt_str_of(s->choices), part;
	char list[160] = "", hint[96];
	struct gt_near near;
	size_t n = 0;

	gt_near_init(&near, text);
	while (gt_str_split(&rest, '|', &part)) {
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.*s",
		                      n == 0 ? "" : ", ", (int)part.n, part.p);
		gt_near_offer(&near, part);
	}
	return refuse(why, "'%.*s' is none of %s%s",
	              text.n < 80 ? (int)text.n : 80, text.p, list,
	              gt_near_hint(&near, "", hint));
}

static enum gt_err
set_enum(const struct gt_setting *s, struct gt_str text, void *field,
         struct gt_why *why)
{
	int i = gt_setting_choice(s, text);
	bool on;

	/* What was a switch once: true is auto, false is off. */
	if (i < 0 && gt_setting_is_optional(s) &&
	    gt_parse_bool(text, &on) == GT_OK)
		i = gt_setting_choice(s, on ? GT_STR("auto") : GT_STR("off"));
	if (i < 0)
		return refuse_choice(s, text, why);
	*(int *)field = i;
	return GT_OK;
}

static enum gt_err
set_text(struct gt_arena *mem, struct gt_str text, void *field)
{
	char *copy = gt_arena_strdup(mem, text);

	if (copy == NULL)
		return GT_NOMEM;
	*(char **)field = copy;
	return GT_OK;
}

enum gt_err
gt_strv_add(struct gt_arena *mem, struct gt_strv *v, char *s)
{
	char **grown;

	if ((v->n & (v->n - 1)) == 0) { /* 0 and the powers of two are full */
		grown =
		    gt_arena_alloc(mem, (v->n == 0 ? 1 : 2 * v->n) * sizeof(s));
		if (grown == NULL)
			return GT_NOMEM;
		if (v->n > 0)
			memcpy(grown, v->v, v->n * sizeof(s));
		v->v = grown;
	}
	v->v[v->n++] = s;
	return GT_OK;
}

static enum gt_err
add_text(struct gt_arena *mem, struct gt_str text, struct gt_strv *list)
{
	char *copy = gt_arena_strdup(mem, text);

	return copy == NULL ? GT_NOMEM : gt_strv_add(mem, list, copy);
}

static enum gt_err
check_bind(struct gt_str text, struct gt_why *why)
{
	struct gt_bind bind;
	const char *what = "is not an address";

	if (gt_bind_parse(text, &bind, &what) != GT_OK)
		return refuse(why, "'%.*s': %s", text.n < 80 ? (int)text.n : 80,
		              text.p, what);
	return GT_OK;
}

static enum gt_err
check_net(struct gt_str text, struct gt_why *why)
{
	struct gt_cidr net;
	const char *what = "is not a network";

	if (gt_cidr_parse(text, &net, &what) != GT_OK)
		return refuse(why, "'%.*s' %s", text.n < 80 ? (int)text.n : 80,
		              text.p, what);
	return GT_OK;
}

/* Names of fields that anybody uses; fewer than RFC 9110 allows. */
static enum gt_err
check_name(struct gt_str text, struct gt_why *why)
{
	static const char octets[] = "abcdefghijklmnopqrstuvwxyz"
	                             "0123456789-_";
	size_t i = 0;

	while (i < text.n && strchr(octets, gt_ascii_lower(text.p[i])) &&
	       text.p[i] != '\0')
		i++;
	if (i < text.n || text.n == 0)
		return refuse_text(why, text, "the name of a header field");
	return GT_OK;
}

/* "NAME=value"; the blanks around both are cut by who uses it. */
static enum gt_err
check_field(struct gt_str text, struct gt_why *why)
{
	struct gt_str name;

	gt_str_split(&text, '=', &name);
	if (text.p == NULL || gt_str_trim(text).n == 0)
		return refuse(why, "must be NAME=VALUE");
	return check_name(gt_str_trim(name), why);
}

static enum gt_err
check_part(const struct gt_setting *s, struct gt_str part, struct gt_why *why)
{
	if (s->type == GT_T_BINDS)
		return check_bind(part, why);
	if (s->type == GT_T_NETS)
		return check_net(part, why);
	if (s->type == GT_T_FIELDS)
		return check_field(part, why);
	if (s->type == GT_T_NAMES && !gt_str_eq(part, GT_STR("*")))
		return check_name(part, why);
	return GT_OK;
}

static enum gt_err
add_parts(struct gt_arena *mem, const struct gt_setting *s, struct gt_str text,
          struct gt_strv *list, struct gt_why *why)
{
	struct gt_str part;
	enum gt_err rc;

	/* An empty variable must not open the server to the world. */
	if (s->type == GT_T_BINDS && text.n == 0)
		return refuse(why, "is empty (0.0.0.0:8000 is every address)");
	while (gt_str_split(&text, ',', &part)) {
		part = gt_str_trim(part);
		if (part.n == 0)
			continue;
		if ((rc = check_part(s, part, why)) != GT_OK)
			return rc;
		if ((rc = add_text(mem, part, list)) != GT_OK)
			return rc;
	}
	return GT_OK;
}

/* Never show the text: it may be a secret that lacks its name. */
static enum gt_err
add_env(struct gt_arena *mem, struct gt_str text, struct gt_strv *list,
        struct gt_why *why)
{
	const char *eq = text.n == 0 ? NULL : memchr(text.p, '=', text.n);

	if (text.n == 0)
		return GT_OK;
	if (eq == NULL || eq == text.p)
		return refuse(why, "must be NAME=VALUE");
	return add_text(mem, text, list);
}

enum gt_err
gt_value_set(struct gt_arena *mem, const struct gt_setting *s, const char *text,
             void *field, struct gt_why *why)
{
	struct gt_str raw = gt_str_of(text), t = gt_str_trim(raw);

	switch (s->type) {
	case GT_T_COUNT:
		return set_count(s, t, field, why);
	case GT_T_DURATION:
		return set_duration(s, t, field, why);
	case GT_T_SIZE:
		return set_size(s, t, field, why);
	case GT_T_BOOL:
		return set_bool(t, field, why);
	case GT_T_MODE:
		return set_mode(s, t, field, why);
	case GT_T_ENUM:
		return set_enum(s, t, field, why);
	case GT_T_STRING:
	case GT_T_PATH:
	case GT_T_LOGFILE:
		return set_text(mem, raw, field);
	case GT_T_BINDS:
	case GT_T_PATHS:
	case GT_T_NETS:
	case GT_T_NAMES:
	case GT_T_FIELDS:
	case GT_T_WORDS:
	case GT_T_SECRETS:
		return add_parts(mem, s, t, field, why);
	case GT_T_ENV:
		return add_env(mem, raw, field, why);
	case GT_T_HOOKS:
		return gt_hooks_add(mem, t, field, why);
	}
	return GT_INVALID;
}

static const char *
choice_text(const struct gt_setting *s, int i, int *len)
{
	struct gt_str rest = gt_str_of(s->choices), part = {"", 0};

	while (i-- >= 0)
		gt_str_split(&rest, '|', &part);
	*len = (int)part.n;
	return part.p;
}

static uint64_t
number_of(const struct gt_setting *s, const void *field)
{
	if (s->type == GT_T_COUNT)
		return *(const uint64_t *)field;
	if (s->type == GT_T_DURATION)
		return (uint64_t) * (const int64_t *)field;
	if (s->type == GT_T_SIZE)
		return *(const size_t *)field;
	return *(const unsigned *)field;
}

enum gt_err
gt_value_format(const struct gt_setting *s, const void *field,
                struct gt_buf *out)
{
	char number[32];
	const char *text;
	int len;

	switch (s->type) {
	case GT_T_COUNT:
	case GT_T_DURATION:
	case GT_T_SIZE:
	case GT_T_MODE:
		format_number(s->type, number_of(s, field), number);
		return gt_buf_addf(out, "%s", number);
	case GT_T_BOOL:
		return gt_buf_addf(out, "%s",
		                   *(const bool *)field ? "true" : "false");
	case GT_T_ENUM:
		text = choice_text(s, *(const int *)field, &len);
		return gt_buf_addf(out, "%.*s", len, text);
	case GT_T_STRING:
	case GT_T_PATH:
	case GT_T_LOGFILE:
		return gt_buf_addf(out, "%s", *(char *const *)field);
	case GT_T_BINDS:
	case GT_T_PATHS:
	case GT_T_NETS:
	case GT_T_NAMES:
	case GT_T_FIELDS:
	case GT_T_WORDS:
	case GT_T_SECRETS:
	case GT_T_ENV:
	case GT_T_HOOKS:
		break; /* lists are printed value by value */
	}
	return GT_INVALID;
}

static void
copy_folded(struct gt_str s, char out[GT_NEAR_MAX])
{
	size_t i;

	for (i = 0; i < s.n && i < GT_NEAR_MAX - 1; i++)
		out[i] = s.p[i] == '_' ? '-' : gt_ascii_lower(s.p[i]);
	out[i] = '\0';
}

void
gt_near_init(struct gt_near *n, struct gt_str word)
{
	size_t len;

	copy_folded(word, n->word);
	len = strlen(n->word);
	n->best = (struct gt_str){NULL, 0};
	n->distance = len / 3 > 2 ? len / 3 : 2; /* farther is not alike */
	if (n->distance >= len)
		n->distance = len == 0 ? 0 : len - 1;
}

void
gt_near_offer(struct gt_near *n, struct gt_str candidate)
{
	size_t d, len = strlen(n->word);
	char folded[GT_NEAR_MAX];

	copy_folded(candidate, folded);
	d = gt_str_distance(n->word, folded);
	if (len >= 3 && d > 1 && strncmp(n->word, folded, len) == 0)
		d = 1; /* a beginning: "warn" */
	if (d < n->distance || (d == n->distance && n->best.p == NULL)) {
		n->distance = d;
		n->best = candidate;
	}
}

const char *
gt_near_hint(const struct gt_near *n, const char *prefix, char buf[96])
{
	buf[0] = '\0';
	if (n->best.p != NULL)
		snprintf(buf, 96, " (did you mean '%s%.*s'?)", prefix,
		         (int)n->best.n, n->best.p);
	return buf;
}
