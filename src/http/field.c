/* SPDX-License-Identifier: MIT */
/*
 * One field line, and the look-up of known names. A line is judged alone
 * here; what a field means for the request is in request.c.
 */
#include "gthreadd/http/response.h"
#include "http_priv.h"

#define SLOTS 256 /* power of two, well above the number of names */

#define ONCE GT_FIELD_IS_ONCE
#define HOP  GT_FIELD_IS_HOP
#define OURS GT_FIELD_IS_OURS
#define HEAD GT_FIELD_IS_HEAD
const uint8_t gt_field_flags[GT_FIELD_COUNT] = {
#define GT_FIELD(id, name, flags) [GT_FIELD_##id] = (flags),
#include "tbl/field.def"
#undef GT_FIELD
};

static const struct gt_str known[GT_FIELD_COUNT] = {
#define GT_FIELD(id, name, flags) [GT_FIELD_##id] = {name, sizeof(name) - 1},
#include "tbl/field.def"
#undef GT_FIELD
};

/* The hash table of known[]: ids, 0 is empty. Written before main() only. */
static uint8_t slot[SLOTS];

/* n is at least 2. */
static unsigned
hash_name(const char *p, size_t n)
{
	unsigned first = (unsigned char)p[0] | 0x20;
	unsigned last = (unsigned char)p[n - 1] | 0x20;
	unsigned middle = (unsigned char)p[n / 2] | 0x20;

	return (unsigned)n * 11 + first * 7 + middle * 3 + last;
}

__attribute__((constructor)) static void
fill_slots(void)
{
	_Static_assert(GT_FIELD_COUNT <= 64, "gt_request.present has 64 bits");
	unsigned h;
	unsigned id;

	for (id = 1; id < GT_FIELD_COUNT; id++) {
		h = hash_name(known[id].p, known[id].n);
		while (slot[h % SLOTS] != 0)
			h++;
		slot[h % SLOTS] = (uint8_t)id;
	}
}

/*
 * Eight octets of a known name, which is letters and hyphens, and of any
 * other are equal but for the case (bit 0x20) of letters (bit 0x40).
 */
static inline bool
is_same_word(const char *name, const char *other)
{
	const uint64_t case_bits = UINT64_MAX / 255 * 0x20;
	uint64_t x;
	uint64_t y;

	memcpy(&x, name, sizeof x);
	memcpy(&y, other, sizeof y);
	return ((x ^ y) & ~(x >> 1 & case_bits)) == 0;
}

/* name is a known one. */
static bool
is_same_name(const char *name, const char *other, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		if (!is_same_word(name + i, other + i))
			return false;
	if (n >= 8)
		return i == n || is_same_word(name + n - 8, other + n - 8);
	for (; i < n; i++)
		if (((name[i] ^ other[i]) & ~(name[i] >> 1 & 0x20)) != 0)
			return false;
	return true;
}

enum gt_field_id
gt_field_find(struct gt_str name)
{
	unsigned h;
	unsigned id;

	if (name.n < 2)
		return GT_FIELD_OTHER;
	h = hash_name(name.p, name.n);
	for (; (id = slot[h % SLOTS]) != 0; h++)
		if (known[id].n == name.n &&
		    is_same_name(known[id].p, name.p, name.n))
			return (enum gt_field_id)id;
	return GT_FIELD_OTHER;
}

static size_t
token_len(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && gt_char_is(p[i], GT_CHAR_TOKEN))
		i++;
	return i;
}

bool
gt_field_name_is_valid(struct gt_str name)
{
	return name.n > 0 && token_len(name.p, name.n) == name.n;
}

bool
gt_field_value_is_valid(struct gt_str value)
{
	size_t i;

	if (gt_octets_are_above(value.p, value.n, 0x20))
		return true;
	for (i = 0; i < value.n; i++) /* it may have been a tab */
		if (!gt_char_is(value.p[i], GT_CHAR_VALUE))
			return false;
	return true;
}

/* n octets of the line s are a token, and what follows is no colon. */
GT_COLD static const char *
name_fault(const char *s, size_t len, size_t n)
{
	bool blank = n < len && (s[n] == ' ' || s[n] == '\t');

	if (n == 0 && blank)
		return "folded field line";
	if (blank)
		return "white space before the colon of a field";
	if (n == len)
		return "field line without a colon";
	return "invalid character in a field name";
}

enum gt_err
gt_field_parse(const char *p, size_t off, size_t len, struct gt_field *f,
               const char **why)
{
	const char *s = p + off, *colon = memchr(s, ':', len);
	size_t n = colon == NULL ? len : (size_t)(colon - s);
	struct gt_str value;

	f->id = gt_field_find((struct gt_str){s, n});
	if (f->id == GT_FIELD_OTHER) /* else it is a token */
		n = token_len(s, n);
	if (n == 0 || s + n != colon) {
		*why = n == 0 && len > 0 && s[0] == ':' ? "empty field name"
		                                        : name_fault(s, len, n);
		return GT_PROTO;
	}
	f->name = (struct gt_span){(uint32_t)off, (uint32_t)n};
	value = gt_str_trim((struct gt_str){s + n + 1, len - n - 1});
	if (!gt_field_value_is_valid(value)) {
		*why = "invalid character in a field value";
		return GT_PROTO;
	}
	f->value = (struct gt_span){(uint32_t)(value.p - p), (uint32_t)value.n};
	return GT_OK;
}
