/* SPDX-License-Identifier: MIT */
/*
 * A text to words as a POSIX shell splits them, for arguments that stand in
 * an environment variable: blanks separate, '...' and "..." and \ quote.
 * Nothing is expanded. The same as Python's shlex.split.
 */
#include "config_priv.h"

struct splitter {
	const char *p;   /* next octet of the text */
	struct gt_buf w; /* the word so far */
	enum gt_err rc;
	const char *why;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
put(struct splitter *s, char c)
{
	if (s->rc == GT_OK)
		s->rc = gt_buf_add(&s->w, &c, 1);
}

static void
refuse(struct splitter *s, const char *why)
{
	s->why = why;
	s->rc = GT_INVALID;
}

static void
take_single_quoted(struct splitter *s)
{
	for (; *s->p != '\'' && *s->p != '\0'; s->p++)
		put(s, *s->p);
	if (*s->p == '\0')
		refuse(s, "a ' is not closed");
	else
		s->p++;
}

static void
take_double_quoted(struct splitter *s)
{
	for (; *s->p != '"' && *s->p != '\0'; s->p++) {
		if (s->p[0] == '\\' && (s->p[1] == '"' || s->p[1] == '\\'))
			s->p++;
		put(s, *s->p);
	}
	if (*s->p == '\0')
		refuse(s, "a \" is not closed");
	else
		s->p++;
}

/* One piece of a word: a quoted run or a single octet. */
static void
take_piece(struct splitter *s)
{
	char c = *s->p++;

	if (c == '\'')
		take_single_quoted(s);
	else if (c == '"')
		take_double_quoted(s);
	else if (c != '\\')
		put(s, c);
	else if (*s->p == '\0')
		refuse(s, "nothing follows the last \\");
	else
		put(s, *s->p++);
}

enum gt_err
gt_split_words(struct gt_arena *mem, const char *text, struct gt_strv *out,
               const char **why)
{
	struct splitter s = {.p = text, .rc = GT_OK};
	char *word;

	for (;;) {
		while (is_blank(*s.p))
			s.p++;
		if (*s.p == '\0' || s.rc != GT_OK)
			break;
		gt_buf_reset(&s.w, SIZE_MAX);
		while (*s.p != '\0' && !is_blank(*s.p) && s.rc == GT_OK)
			take_piece(&s);
		if (s.rc != GT_OK)
			break;
		word = gt_arena_strdup(mem, gt_buf_str(&s.w));
		s.rc = word == NULL ? GT_NOMEM : gt_strv_add(mem, out, word);
	}
	gt_buf_fini(&s.w);
	*why = s.why;
	return s.rc;
}
