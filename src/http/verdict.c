/* SPDX-License-Identifier: MIT */
/*
 * The judge of fields that say where a request came from. It knows memory
 * only: who is believed is in the trust, who sent the request the caller
 * tells, and what is to be logged the caller is told.
 */
#include "gthreadd/http/verdict.h"
#include "gthreadd/http/forwarded.h"
#include "http_priv.h"

struct judge {
	const struct gt_trust *t;
	bool is_forwarder;
	struct gt_request *rq;
	const char *base;
	gt_verdict_dropped *dropped;
	void *arg;
	struct gt_verdict *out;
	const char **why;
	bool any_underscore;           /* in a name, as it came */
	const struct gt_field *script; /* SCRIPT_NAME of a forwarder */
};

static enum gt_err
refuse(struct judge *j, const char *text)
{
	*j->why = text;
	return GT_PROTO;
}

static struct gt_str
name_of(const struct judge *j, const struct gt_field *f)
{
	return gt_span_str(j->base, f->name);
}

static struct gt_str
value_of(const struct judge *j, const struct gt_field *f)
{
	return gt_span_str(j->base, f->value);
}

/*
 * The field of that name behind f, or the first one (f is NULL); NULL: there
 * is none. Every request is searched for some: most differ in their length.
 */
static const struct gt_field *
next_named(const struct judge *j, struct gt_str name, const struct gt_field *f)
{
	size_t i = f == NULL ? 0 : (size_t)(f - j->rq->field) + 1;

	for (; i < j->rq->nfields; i++) {
		f = &j->rq->field[i];
		if (f->name.len == name.n &&
		    gt_str_eq_icase(name_of(j, f), name))
			return f;
	}
	return NULL;
}

/* ---- names with '_' ---- */

/* Known names have none. */
static bool
has_underscore(const struct judge *j, const struct gt_field *f)
{
	struct gt_str name = name_of(j, f);

	return f->id == GT_FIELD_OTHER && memchr(name.p, '_', name.n) != NULL;
}

/* A believed proxy may send that name. */
static bool
is_vouched(const struct judge *j, const struct gt_field *f)
{
	const struct gt_trust *t = j->t;

	if (!j->is_forwarder || t->all_names)
		return j->is_forwarder;
	for (size_t i = 0; i < t->nnames; i++)
		if (gt_str_eq_icase(t->names[i], name_of(j, f)))
			return true;
	return false;
}

/* Both become the same name in the environ. */
static bool
is_same_key(struct gt_str a, struct gt_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if ((a.p[i] == '-' ? '_' : gt_ascii_lower(a.p[i])) !=
		    (b.p[i] == '-' ? '_' : gt_ascii_lower(b.p[i])))
			return false;
	return true;
}

/* The proxy has sent the same name with '_': this one is somebody else's. */
static bool
is_twin(const struct judge *j, const struct gt_field *f)
{
	const struct gt_request *rq = j->rq;

	if (f->id == GT_FIELD_CONTENT_LENGTH || f->id == GT_FIELD_CONTENT_TYPE)
		return false; /* these have a key of their own */
	for (size_t i = 0; i < rq->nfields; i++)
		if (&rq->field[i] != f && has_underscore(j, &rq->field[i]) &&
		    is_vouched(j, &rq->field[i]) &&
		    is_same_key(name_of(j, &rq->field[i]), name_of(j, f)))
			return !has_underscore(j, f) || !is_vouched(j, f);
	return false;
}

static bool
is_wanted(const struct judge *j, const struct gt_field *f, bool any_vouched)
{
	if (has_underscore(j, f) && !is_vouched(j, f))
		return j->t->map == GT_MAP_DANGEROUS &&
		       !(any_vouched && is_twin(j, f));
	return !any_vouched || !is_twin(j, f);
}

/* Take out what is not wanted: marked first, since twins look at the others. */
static void
drop_unwanted(struct judge *j, bool any_vouched)
{
	struct gt_request *rq = j->rq;
	size_t n = 0;

	for (size_t i = 0; i < rq->nfields; i++) {
		if (is_wanted(j, &rq->field[i], any_vouched))
			continue;
		j->dropped(j->arg, name_of(j, &rq->field[i]));
		rq->field[i].id = GT_FIELD_COUNT;
	}
	for (size_t i = 0; i < rq->nfields; i++)
		if (rq->field[i].id != GT_FIELD_COUNT)
			rq->field[n++] = rq->field[i];
	rq->nfields = n;
}

static enum gt_err
judge_names(struct judge *j)
{
	bool any = false, any_vouched = false;

	for (size_t i = 0; i < j->rq->nfields; i++) {
		const struct gt_field *f = &j->rq->field[i];

		if (!has_underscore(j, f))
			continue;
		any = true;
		if (is_vouched(j, f))
			any_vouched = true;
		else if (j->t->map == GT_MAP_REFUSE)
			return refuse(j, "field name with an underscore");
	}
	if (any)
		drop_unwanted(j, any_vouched);
	j->any_underscore = any;
	return GT_OK;
}

/* ---- what a forwarder says ---- */

/* Fields that disagree are a sign of two proxies, or of a forgery. */
static enum gt_err
judge_scheme(struct judge *j)
{
	bool found = false, is_https;

	for (size_t s = 0; s < j->t->nschemes; s++) {
		const struct gt_trust_scheme *sc = &j->t->schemes[s];
		const struct gt_field *f = NULL;

		while ((f = next_named(j, sc->name, f)) != NULL) {
			is_https = gt_str_eq_icase(value_of(j, f), sc->value);
			if (found && is_https != j->out->is_https)
				return refuse(j, "fields contradict each other "
				                 "about the scheme");
			found = true;
			j->out->is_https = is_https;
		}
	}
	return GT_OK;
}

static enum gt_err
judge_client(struct judge *j)
{
	const struct gt_trust *t = j->t;
	const struct gt_field *field = NULL;
	struct gt_forwarded f = {0};

	while ((field = next_named(j, t->client_field, field)) != NULL) {
		if (!t->client_is_forwarded)
			gt_forwarded_feed_list(&f, value_of(j, field),
			                       &t->forwarders);
		else if (!gt_forwarded_feed(&f, value_of(j, field),
		                            &t->forwarders))
			return refuse(j, "malformed Forwarded");
	}
	j->out->has_client = f.found;
	j->out->client = f.client;
	return GT_OK;
}

/* ---- the mount point ---- */

static enum gt_err
find_script(struct judge *j)
{
	const struct gt_field *f = NULL;

	if (!j->any_underscore)
		return GT_OK;
	while ((f = next_named(j, GT_STR("SCRIPT_NAME"), f)) != NULL) {
		if (!is_vouched(j, f))
			continue;
		if (j->script != NULL)
			return refuse(j, "SCRIPT_NAME repeated");
		j->script = f;
	}
	return GT_OK;
}

/* One octet of the path at *i, decoded; is_plain: it was not an escape. */
static char
next_octet(struct gt_str path, size_t *i, bool *is_plain)
{
	int hi, lo;

	*is_plain = true;
	if (path.p[*i] == '%' && path.n - *i >= 3 &&
	    (hi = gt_ascii_hex(path.p[*i + 1])) >= 0 &&
	    (lo = gt_ascii_hex(path.p[*i + 2])) >= 0) {
		*is_plain = false;
		*i += 3;
		return (char)(hi << 4 | lo);
	}
	return path.p[(*i)++];
}

/*
 * How much of path stands for the mount point: whole segments, so an escaped
 * slash is none. 0: path is outside of it.
 */
static size_t
mounted_len(struct gt_str path, struct gt_str mount)
{
	size_t at = 0;
	bool is_plain;

	for (size_t i = 0; i < mount.n; i++)
		if (at == path.n ||
		    next_octet(path, &at, &is_plain) != mount.p[i] ||
		    (mount.p[i] == '/' && !is_plain))
			return 0;
	return at == path.n || path.p[at] == '/' ? at : 0;
}

static enum gt_err
judge_mount(struct judge *j)
{
	struct gt_str path = gt_span_str(j->base, j->rq->path);
	struct gt_str mount = j->t->script_name;

	if (j->script != NULL)
		mount = gt_trust_mount(value_of(j, j->script));
	j->out->script_name = mount;
	if (mount.n == 0 || path.n == 0) /* OPTIONS *, CONNECT: no path */
		return GT_OK;
	if (mount.p[0] != '/')
		return refuse(j, "SCRIPT_NAME does not begin with a slash");
	if ((j->out->mounted = mounted_len(path, mount)) == 0)
		return refuse(j, "path outside of SCRIPT_NAME");
	return GT_OK;
}

enum gt_err
gt_verdict_reach(const struct gt_trust *t, bool is_forwarder,
                 struct gt_request *rq, const char *base,
                 gt_verdict_dropped *dropped, void *arg, struct gt_verdict *out,
                 const char **why)
{
	struct judge j = {.t = t,
	                  .is_forwarder = is_forwarder,
	                  .rq = rq,
	                  .base = base,
	                  .dropped = dropped,
	                  .arg = arg,
	                  .out = out,
	                  .why = why};
	enum gt_err rc;

	*out = (struct gt_verdict){0};
	if ((rc = judge_names(&j)) != GT_OK)
		return rc;
	if (is_forwarder && ((rc = judge_scheme(&j)) != GT_OK ||
	                     (rc = find_script(&j)) != GT_OK))
		return rc;
	if (is_forwarder && t->client_field.n > 0 &&
	    (rc = judge_client(&j)) != GT_OK)
		return rc;
	return judge_mount(&j);
}
