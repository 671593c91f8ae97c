/* SPDX-License-Identifier: MIT */
/* The corpus: reader of its files, driver of its cases. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"
#include "gthreadd/base/mem.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/http/body.h"
#include "gthreadd/http/response.h"

GT_NORETURN static void
die(const char *what, const char *where)
{
	fprintf(stderr, "corpus: %s: %s\n", what, where);
	exit(2);
}

static void
add(struct gt_buf *b, const char *p, size_t n)
{
	if (gt_buf_add(b, p, n) != GT_OK)
		die("out of memory", "");
}

/* ---- reader ---- */

static void
add_unescaped(struct gt_buf *b, const char *s)
{
	static const char plain[] = "r\rn\nt\t\\\\";
	const char *e;
	char c;

	for (; *s != '\0'; s++) {
		c = *s;
		if (c == '\\' && s[1] == 'x') {
			c = (char)(gt_ascii_hex(s[2]) * 16 +
			           gt_ascii_hex(s[3]));
			s += 3;
		} else if (c == '\\') {
			for (e = plain; *e != '\0' && *e != s[1]; e += 2)
				;
			if (*e == '\0')
				die("unknown escape", s);
			c = e[1];
			s++;
		}
		add(b, &c, 1);
	}
}

static void
set_limit(struct corpus_case *c, struct gt_str word)
{
	struct gt_str key;
	uint64_t v;

	if (!gt_str_split(&word, '=', &key) ||
	    gt_parse_decimal(word, &v) != GT_OK)
		die("malformed limit", c->name);
	if (gt_str_eq(key, GT_STR("line")))
		c->limits.line = v;
	else if (gt_str_eq(key, GT_STR("field")))
		c->limits.field = v;
	else if (gt_str_eq(key, GT_STR("fields")))
		c->limits.fields = v;
	else if (gt_str_eq(key, GT_STR("head")))
		c->limits.head = v;
	else if (gt_str_eq(key, GT_STR("body")))
		c->body_max = v;
	else
		die("unknown limit", c->name);
}

static bool
has_prefix(const char *line, const char *prefix)
{
	return strncmp(line, prefix, strlen(prefix)) == 0;
}

/* One line of a file; tail is where the next case is hung. */
static struct corpus_case **
take_line(struct corpus_case **tail, const char *line)
{
	struct corpus_case *c = *tail;
	struct gt_str rest;
	struct gt_str word;

	if (line[0] == '#' || line[0] == '\0')
		return tail;
	if (has_prefix(line, "case ")) {
		if (c != NULL)
			die("case without a result", c->name);
		*tail = gt_xcalloc(1, sizeof **tail);
		(*tail)->name = gt_xstrdup(line + 5);
		return tail;
	}
	if (c == NULL)
		die("line outside a case", line);
	if (has_prefix(line, "limits ")) {
		rest = gt_str_of(line + 7);
		while (gt_str_split(&rest, ' ', &word))
			set_limit(c, word);
	} else if (line[0] == '>') {
		add_unescaped(&c->octets, line + (line[1] == ' ' ? 2 : 1));
	} else {
		c->expect = gt_xstrdup(line);
		return &c->next;
	}
	return tail;
}

static struct corpus_case **
load_file(struct corpus_case **tail, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL)
		die("cannot open", path);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		tail = take_line(tail, line);
	}
	free(line);
	fclose(f);
	if (*tail != NULL)
		die("case without a result", path);
	return tail;
}

static int
is_case_file(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0;
}

struct corpus_case *
corpus_load(const char *folder)
{
	struct corpus_case *head = NULL;
	struct corpus_case **tail = &head;
	struct dirent **entry;
	char *path;
	int n;

	if ((n = scandir(folder, &entry, is_case_file, alphasort)) < 0)
		die("cannot read", folder);
	for (int i = 0; i < n; i++) {
		path = gt_xasprintf("%s/%s", folder, entry[i]->d_name);
		tail = load_file(tail, path);
		free(path);
		free(entry[i]);
	}
	free(entry);
	return head;
}

void
corpus_free(struct corpus_case *c)
{
	struct corpus_case *next;

	for (; c != NULL; c = next) {
		next = c->next;
		gt_buf_fini(&c->octets);
		free(c->name);
		free(c->expect);
		free(c);
	}
}

/* ---- driver ---- */

struct run {
	const struct corpus_case *c;
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_body body;
	struct gt_arena arena;
	struct gt_buf data; /* of the body */
	size_t pos;         /* octets consumed for good */
	enum gt_err rc;
	bool in_body;
};

/* A copy without a spare octet, so that a sanitizer sees an overrun. */
static char *
copy(const char *p, size_t n)
{
	char *q = malloc(n);

	if (q == NULL && n > 0)
		die("out of memory", "");
	if (n > 0)
		memcpy(q, p, n);
	return q;
}

static void
feed_head(struct run *r, size_t end)
{
	char *p = copy(r->c->octets.p, end);

	r->rc = gt_head_feed(&r->hp, p, end, &r->pos);
	free(p);
	if (r->rc != GT_OK)
		return;
	r->in_body = true;
	r->rc = gt_body_init(&r->body, &r->rq, r->c->body_max, &r->c->limits);
	if (r->rc == GT_OK && !gt_body_is_done(&r->body))
		r->rc = GT_AGAIN;
}

static void
feed_body(struct run *r, size_t end)
{
	char *p = copy(r->c->octets.p + r->pos, end - r->pos);
	struct gt_str data;
	size_t at = 0;
	size_t used;

	while (r->rc == GT_AGAIN && at < end - r->pos) {
		r->rc = gt_body_decode(&r->body, p + at, end - r->pos - at,
		                       &used, &data);
		if (r->rc != GT_OK)
			break;
		add(&r->data, data.p, data.n);
		at += used;
		if (!gt_body_is_done(&r->body))
			r->rc = GT_AGAIN;
	}
	r->pos += at;
	free(p);
}

static void
feed(struct run *r, size_t end)
{
	if (r->rc == GT_AGAIN && !r->in_body)
		feed_head(r, end);
	if (r->rc == GT_AGAIN && r->in_body)
		feed_body(r, end);
}

static void
add_text(struct gt_buf *b, const char *s)
{
	add(b, s, strlen(s));
}

static void
add_pair(struct gt_buf *b, const char *key, struct gt_str value)
{
	char hex[8];
	size_t i;

	add_text(b, key);
	add_text(b, "=");
	for (i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		snprintf(hex, sizeof hex, "\\x%02x", c);
		if (c == '\r' || c == '\n' || c == '\t')
			snprintf(hex, sizeof hex, "\\%c",
			         c == '\r' ? 'r' : (c == '\n' ? 'n' : 't'));
		else if (c == '\\')
			snprintf(hex, sizeof hex, "\\\\");
		else if (c > ' ' && c < 0x7f)
			snprintf(hex, sizeof hex, "%c", c);
		add_text(b, hex);
	}
	add_text(b, " ");
}

static void
add_number(struct gt_buf *b, const char *key, uint64_t v)
{
	char *text = gt_xasprintf("%s=%llu ", key, (unsigned long long)v);

	add_text(b, text);
	free(text);
}

static void
describe_request(const struct run *r, struct gt_buf *b)
{
	static const char *const form[] = {"form=origin ", "form=absolute ",
	                                   "form=authority ", "form=asterisk "};
	static const char *const framing[] = {
	    "framing=none ", "framing=length ", "framing=chunked "};
	const struct gt_request *rq = &r->rq;
	const char *base = r->c->octets.p;

	add_pair(b, "method", gt_span_str(base, rq->method));
	add_number(b, "id", rq->method_id);
	add_pair(b, "target", gt_span_str(base, rq->target));
	add_text(b, form[rq->form]);
	add_pair(b, "path", gt_span_str(base, rq->path));
	add_pair(b, "query", gt_span_str(base, rq->query));
	add_pair(b, "host", gt_span_str(base, rq->host));
	add_number(b, "minor", rq->minor);
	add_number(b, "fields", rq->nfields);
	for (size_t i = 0; i < rq->nfields; i++) {
		add_pair(b, i + 1 < rq->nfields ? "field" : "last",
		         gt_span_str(base, rq->field[i].value));
		add_number(b, "known", rq->field[i].id);
		add_pair(b, "name", gt_span_str(base, rq->field[i].name));
	}
	add_text(b, framing[rq->framing]);
	add_number(b, "length", rq->content_length);
	add_text(b, rq->keep_alive ? "keep=yes " : "keep=no ");
	add_text(b, rq->expects_continue ? "continue=yes " : "continue=no ");
}

static char *
describe(const struct run *r)
{
	const char *why = r->in_body ? r->body.why : r->hp.why;
	struct gt_buf b = {0};

	if (r->rc == GT_OK) {
		add_text(&b, " ok ");
	} else if (r->rc == GT_AGAIN) {
		add_text(&b, " again ");
	} else {
		add(&b, " error ", 7);
		if (gt_buf_addf(&b, "%u ", gt_status_of_err(r->rc)) != GT_OK)
			die("out of memory", "");
		add_pair(&b, "why", gt_str_of(why));
	}
	add_text(&b, r->in_body && r->rc != GT_OK ? "at=body " : "");
	if (r->c->octets.p != NULL)
		describe_request(r, &b);
	add_pair(&b, "body", gt_buf_str(&r->data));
	if (r->rc == GT_OK)
		add_number(&b, "rest", r->c->octets.len - r->pos);
	add(&b, "", 1);
	return b.p;
}

char *
corpus_run(const struct corpus_case *c, const size_t *cut, size_t n)
{
	struct run r = {.c = c, .rc = GT_AGAIN};
	char *result;

	gt_head_init(&r.hp, &r.rq, &r.arena, &c->limits);
	for (size_t i = 0; i < n; i++)
		feed(&r, cut[i]);
	feed(&r, c->octets.len);
	result = describe(&r);
	gt_arena_fini(&r.arena);
	gt_buf_fini(&r.data);
	return result;
}
