/* SPDX-License-Identifier: MIT */
/*
 * The words are read by another version of this program than the one that has
 * written them: unknown ones must do no harm. Octets that are not plain in an
 * address (a unix path may have any) are written as %XX.
 */
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/net/inherit.h"

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       gt_ascii_is_digit(c) || (c != '\0' && strchr(":/.[]@_-", c));
}

static enum gt_err
add_text(struct gt_buf *out, const char *s)
{
	enum gt_err rc = GT_OK;

	for (; *s != '\0' && rc == GT_OK; s++)
		rc = is_plain(*s)
		         ? gt_buf_add(out, s, 1)
		         : gt_buf_addf(out, "%%%02X", (unsigned char)*s);
	return rc;
}

static enum gt_err
add_listener(struct gt_buf *out, const struct gt_listener *l)
{
	enum gt_err rc;

	if ((rc = gt_buf_addf(out, " %d=", l->fd)) != GT_OK ||
	    (rc = add_text(out, l->asked)) != GT_OK ||
	    (rc = gt_buf_add(out, "=", 1)) != GT_OK)
		return rc;
	rc = add_text(out, l->text);
	if (rc == GT_OK && l->slot != GT_LISTENER_ALL)
		rc = gt_buf_addf(out, "=%d", l->slot);
	return rc;
}

enum gt_err
gt_inherit_write(const struct gt_listeners *ls, struct gt_buf *out)
{
	enum gt_err rc = GT_OK;

	for (size_t i = 0; i < ls->n && rc == GT_OK; i++)
		if (ls->v[i].fd >= 0)
			rc = add_listener(out, &ls->v[i]);
	return rc;
}

/* false: it is malformed, empty or too long. */
static bool
take_text(struct gt_str s, char out[GT_ADDR_TEXT])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (n == GT_ADDR_TEXT - 1)
			return false;
		out[n] = s.p[i];
		if (s.p[i] == '%') {
			if (s.n - i < 3 || gt_ascii_hex(s.p[i + 1]) < 0 ||
			    gt_ascii_hex(s.p[i + 2]) < 0)
				return false;
			out[n] = (char)(gt_ascii_hex(s.p[i + 1]) * 16 +
			                gt_ascii_hex(s.p[i + 2]));
			i += 2;
		}
		if (out[n++] == '\0')
			return false;
	}
	out[n] = '\0';
	return n > 0;
}

static bool
take_word(struct gt_str word, struct gt_listener *l)
{
	struct gt_str part;
	uint64_t fd, slot = 0;

	*l = (struct gt_listener){
	    .fd = -1, .given_fd = -1, .slot = GT_LISTENER_ALL};
	if (!gt_str_split(&word, '=', &part) ||
	    gt_parse_decimal(part, &fd) != GT_OK || fd < 3 || fd > INT32_MAX)
		return false;
	if (!gt_str_split(&word, '=', &part) || !take_text(part, l->asked) ||
	    !gt_str_split(&word, '=', &part) || !take_text(part, l->text))
		return false;
	if (gt_str_split(&word, '=', &part)) {
		if (gt_parse_decimal(part, &slot) != GT_OK || slot > UINT16_MAX)
			return false;
		l->slot = (int)slot;
	}
	if (gt_fd_set_cloexec((int)fd, 1) != GT_OK)
		return false;
	l->fd = (int)fd;
	return true;
}

enum gt_err
gt_inherit_read(struct gt_str words, struct gt_listeners *out)
{
	struct gt_str word;

	*out = (struct gt_listeners){0};
	/* At most as many as there are octets. */
	if ((out->v = calloc(words.n / 2 + 1, sizeof(*out->v))) == NULL)
		return GT_NOMEM;
	while (gt_str_split(&words, ' ', &word))
		if (take_word(word, &out->v[out->n]))
			out->n++;
	return GT_OK;
}

enum gt_err
gt_inherit_copy(const struct gt_listeners *ls, struct gt_listeners *out)
{
	*out = (struct gt_listeners){0};
	if ((out->v = calloc(ls->n + 1, sizeof(*out->v))) == NULL)
		return GT_NOMEM;
	for (out->n = 0; out->n < ls->n; out->n++) {
		out->v[out->n] = ls->v[out->n];
		out->v[out->n].fd = -1;
		out->v[out->n].unlink_path = NULL;
	}
	return GT_OK;
}
