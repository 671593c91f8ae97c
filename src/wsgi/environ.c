/* SPDX-License-Identifier: MIT */
/*
 * From a request to its environ. Each thread keeps the environ of its last
 * request as a template: only what differs is replaced, then it is copied and
 * the fields are added. So the keys are interned once, most values are
 * shared between requests, and the copy has room for the fields.
 */
#include <string.h>

#include "wsgi_priv.h"

#define CACHED_VALUE_MAX 512 /* octets of a field value worth keeping */

static enum gt_err set_key(struct gt_app_thread *t, enum gt_key key,
                           PyObject *value) GT_NEEDS_GIL;
static enum gt_err set_text(struct gt_app_thread *t, enum gt_key key,
                            struct gt_str s) GT_NEEDS_GIL;
static enum gt_err set_method(struct gt_app_thread *t,
                              const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_path(struct gt_app_thread *t,
                            const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_target(struct gt_app_thread *t,
                              const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_verdict(struct gt_app_thread *t,
                               const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_host(struct gt_app_thread *t,
                            const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_server(struct gt_app_thread *t,
                              const struct gt_exchange *ex,
                              bool new_host) GT_NEEDS_GIL;
static enum gt_err set_remote(struct gt_app_thread *t,
                              const struct gt_exchange *ex) GT_NEEDS_GIL;
static PyObject *field_value(struct gt_app_thread *t, enum gt_field_id id,
                             struct gt_str s) GT_NEEDS_GIL;
static enum gt_err join_value(PyObject *dict, PyObject *key, PyObject *value,
                              enum gt_field_id id) GT_NEEDS_GIL;
static enum gt_err add_field(struct gt_app_thread *t, PyObject *dict,
                             const struct gt_exchange *ex,
                             const struct gt_field *f) GT_NEEDS_GIL;
static enum gt_err add_fields(struct gt_app_thread *t, PyObject *dict,
                              const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err add_text(PyObject *dict, const char *key,
                            const char *value) GT_NEEDS_GIL;
static enum gt_err add_proxy(PyObject *dict,
                             const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err add_input(struct gt_app_thread *t, PyObject *dict,
                             struct gt_exchange *ex) GT_NEEDS_GIL;

static enum gt_err
set_key(struct gt_app_thread *t, enum gt_key key, PyObject *value)
{
	return PyDict_SetItem(t->environ.dict, t->app->key[key], value) == 0
	           ? GT_OK
	           : GT_PYTHON;
}

static enum gt_err
set_text(struct gt_app_thread *t, enum gt_key key, struct gt_str s)
{
	PyObject *text = gt_pyobj_latin1(s);
	enum gt_err rc;

	if (text == NULL)
		return GT_PYTHON;
	rc = set_key(t, key, text);
	Py_DECREF(text);
	return rc;
}

/* REQUEST_METHOD, SERVER_PROTOCOL */
static enum gt_err
set_method(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	const struct gt_request *rq = &ex->request;
	struct gt_environ *e = &t->environ;
	int id = (int)rq->method_id;
	enum gt_err rc = GT_OK;

	if (id == GT_METHOD_OTHER)
		rc = set_text(t, GT_KEY_REQUEST_METHOD,
		              gt_exchange_str(ex, rq->method));
	else if (id != e->method)
		rc = set_key(t, GT_KEY_REQUEST_METHOD, t->app->method[id]);
	e->method = rc == GT_OK ? id : -1;
	if (rc == GT_OK && (int)rq->minor != e->minor) {
		e->minor = rq->minor == 0 ? 0 : 1;
		rc = set_key(t, GT_KEY_SERVER_PROTOCOL,
		             t->app->protocol[e->minor]);
	}
	return rc;
}

/* Percent-decode; what is no escape stays as it is. Returns the octets. */
static size_t
decode_path(char *out, struct gt_str in)
{
	size_t n = 0;
	int hi, lo;

	for (size_t i = 0; i < in.n; i++) {
		out[n++] = in.p[i];
		if (in.p[i] != '%' || in.n - i < 3)
			continue;
		hi = gt_ascii_hex(in.p[i + 1]);
		lo = gt_ascii_hex(in.p[i + 2]);
		if (hi < 0 || lo < 0)
			continue;
		out[n - 1] = (char)(hi << 4 | lo);
		i += 2;
	}
	return n;
}

static enum gt_err
set_path(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	const struct gt_request *rq = &ex->request;
	struct gt_str path = gt_exchange_str(ex, rq->path);
	size_t mounted = ex->verdict.mounted;
	struct gt_buf decoded = {0};
	enum gt_err rc;

	if (path.n == 0 &&
	    (rq->form == GT_TARGET_ORIGIN || rq->form == GT_TARGET_ABSOLUTE))
		path = GT_STR("/");
	path = (struct gt_str){path.p + mounted, path.n - mounted};
	if (path.n > 0 && memchr(path.p, '%', path.n) != NULL) {
		if (gt_buf_reserve(&decoded, path.n) != GT_OK) {
			PyErr_NoMemory();
			return GT_PYTHON;
		}
		decoded.len = decode_path(decoded.p, path);
		path = gt_buf_str(&decoded);
	}
	rc = set_text(t, GT_KEY_PATH_INFO, path);
	gt_buf_fini(&decoded);
	return rc;
}

/* RAW_URI, PATH_INFO, QUERY_STRING */
static enum gt_err
set_target(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	const struct gt_request *rq = &ex->request;
	struct gt_str raw = gt_exchange_str(ex, rq->target);
	struct gt_environ *e = &t->environ;

	if (e->target != NULL && e->form == rq->form &&
	    e->mounted == ex->verdict.mounted && gt_pyobj_is(e->target, raw))
		return GT_OK;
	Py_CLEAR(e->target);
	if (set_path(t, ex) != GT_OK ||
	    set_text(t, GT_KEY_QUERY_STRING, gt_exchange_str(ex, rq->query)) !=
	        GT_OK ||
	    (e->target = gt_pyobj_latin1(raw)) == NULL ||
	    set_key(t, GT_KEY_RAW_URI, e->target) != GT_OK) {
		Py_CLEAR(e->target);
		return GT_PYTHON;
	}
	e->form = rq->form;
	e->mounted = ex->verdict.mounted;
	return GT_OK;
}

/* SCRIPT_NAME, wsgi.url_scheme */
static enum gt_err
set_verdict(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	const struct gt_verdict *v = &ex->verdict;
	struct gt_environ *e = &t->environ;
	enum gt_err rc = GT_OK;

	if (e->script == NULL || !gt_pyobj_is(e->script, v->script_name)) {
		Py_CLEAR(e->script);
		if ((e->script = gt_pyobj_latin1(v->script_name)) == NULL)
			return GT_PYTHON;
		rc = set_key(t, GT_KEY_SCRIPT_NAME, e->script);
	}
	if (rc == GT_OK && e->is_https != v->is_https) {
		rc = set_key(t, GT_KEY_URL_SCHEME, t->app->scheme[v->is_https]);
		e->is_https = v->is_https;
	}
	if (rc != GT_OK)
		Py_CLEAR(e->script);
	return rc;
}

/* "host:port", "[v6]:port", "host": the parts, v6 without brackets. */
static void
split_host(struct gt_str host, bool is_https, struct gt_str *name,
           struct gt_str *port)
{
	const char *colon = NULL, *end;

	*port = is_https ? GT_STR("443") : GT_STR("80");
	*name = host;
	if (host.n > 0 && host.p[0] == '[' &&
	    (end = memchr(host.p, ']', host.n)) != NULL) {
		*name = (struct gt_str){host.p + 1, (size_t)(end - host.p) - 1};
		if (end + 1 < host.p + host.n && end[1] == ':')
			colon = end + 1;
	} else if (host.n > 0 &&
	           (colon = memchr(host.p, ':', host.n)) != NULL) {
		name->n = (size_t)(colon - host.p);
	}
	if (colon != NULL && colon + 1 < host.p + host.n)
		*port = (struct gt_str){colon + 1,
		                        (size_t)(host.p + host.n - colon - 1)};
	if (name->n == 0) /* PEP 3333: never empty */
		*name = GT_STR("localhost");
}

/* SERVER_NAME, SERVER_PORT: the listener's; behind a unix socket Host's. */
static enum gt_err
set_server(struct gt_app_thread *t, const struct gt_exchange *ex, bool new_host)
{
	const struct gt_addr_text *local =
	    ex->peer->is_unix ? NULL : ex->peer->local;
	struct gt_environ *e = &t->environ;
	struct gt_str name, port;
	enum gt_err rc;

	if (local == e->local &&
	    (local != NULL ||
	     (!new_host && e->server_is_https == ex->verdict.is_https)))
		return GT_OK;
	if (local != NULL) {
		name = gt_str_of(local->host);
		port = gt_str_of(local->port);
	} else {
		split_host(gt_exchange_str(ex, ex->request.host),
		           ex->verdict.is_https, &name, &port);
	}
	rc = set_text(t, GT_KEY_SERVER_NAME, name);
	if (rc == GT_OK)
		rc = set_text(t, GT_KEY_SERVER_PORT, port);
	if (rc == GT_OK) {
		e->local = local;
		e->server_is_https = ex->verdict.is_https;
	}
	return rc;
}

/* HTTP_HOST and what depends on it. The target's authority overrides Host. */
static enum gt_err
set_host(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	struct gt_str host = gt_exchange_str(ex, ex->request.host);
	struct gt_environ *e = &t->environ;
	bool is_new = e->host == NULL || !gt_pyobj_is(e->host, host);
	enum gt_err rc = GT_OK;

	if (is_new) {
		Py_CLEAR(e->host);
		if ((e->host = gt_pyobj_latin1(host)) == NULL)
			return GT_PYTHON;
		rc = set_key(t, GT_KEY_HTTP_HOST, e->host);
	}
	if (rc == GT_OK)
		rc = set_server(t, ex, is_new);
	if (rc != GT_OK)
		Py_CLEAR(e->host);
	return rc;
}

/* REMOTE_ADDR, REMOTE_PORT, gthreadd.peer_addr */
static enum gt_err
set_remote(struct gt_app_thread *t, const struct gt_exchange *ex)
{
	const struct gt_addr_text *r = gt_exchange_client(ex);
	const char *peer = ex->peer->remote.host;
	struct gt_environ *e = &t->environ;
	enum gt_err rc = GT_OK;

	if (!e->has_remote || strcmp(peer, e->peer) != 0) {
		e->has_remote = false;
		rc = set_text(t, GT_KEY_PEER_ADDR, gt_str_of(peer));
	}
	if (rc != GT_OK)
		return rc;

	if (!e->has_remote || strcmp(r->host, e->remote.host) != 0) {
		e->has_remote = false;
		rc = set_text(t, GT_KEY_REMOTE_ADDR, gt_str_of(r->host));
	}
	if (rc == GT_OK &&
	    (!e->has_remote || strcmp(r->port, e->remote.port) != 0)) {
		e->has_remote = false;
		rc = set_text(t, GT_KEY_REMOTE_PORT, gt_str_of(r->port));
	}
	if (rc == GT_OK && !e->has_remote) {
		e->remote = *r;
		memcpy(e->peer, ex->peer->remote.host, sizeof(e->peer));
		e->has_remote = true;
	}
	return rc;
}

/* Names with '_' are here only when they may be (verdict). */
PyObject *
gt_environ_key(struct gt_str name)
{
	PyObject *key;
	Py_UCS1 *p;

	if ((key = PyUnicode_New((Py_ssize_t)name.n + 5, 127)) == NULL)
		return NULL;
	p = PyUnicode_1BYTE_DATA(key);
	memcpy(p, "HTTP_", 5);
	for (size_t i = 0; i < name.n; i++)
		p[i + 5] =
		    (Py_UCS1)(name.p[i] == '-' ? '_'
		                               : gt_ascii_upper(name.p[i]));
	return key;
}

/* Clients repeat themselves: the last value of a field is often the next. */
static PyObject *
field_value(struct gt_app_thread *t, enum gt_field_id id, struct gt_str s)
{
	PyObject **last = &t->environ.last[id], *text;

	if (id == GT_FIELD_OTHER || s.n > CACHED_VALUE_MAX)
		return gt_pyobj_latin1(s);
	if (*last == NULL || !gt_pyobj_is(*last, s)) {
		if ((text = gt_pyobj_latin1(s)) == NULL)
			return NULL;
		Py_XDECREF(*last);
		*last = text;
	}
	Py_INCREF(*last);
	return *last;
}

/* A repeated field (RFC 9110 section 5.3; Cookie: RFC 6265 section 4.2). */
static enum gt_err
join_value(PyObject *dict, PyObject *key, PyObject *value, enum gt_field_id id)
{
	PyObject *old = PyDict_GetItemWithError(dict, key), *both;
	int rc;

	if (old == NULL)
		return GT_PYTHON;
	both = PyUnicode_FromFormat(id == GT_FIELD_COOKIE ? "%U; %U" : "%U,%U",
	                            old, value);
	if (both == NULL)
		return GT_PYTHON;
	rc = PyDict_SetItem(dict, key, both);
	Py_DECREF(both);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

static enum gt_err
add_field(struct gt_app_thread *t, PyObject *dict, const struct gt_exchange *ex,
          const struct gt_field *f)
{
	PyObject *key = NULL, *made = NULL, *value;
	Py_ssize_t size = PyDict_GET_SIZE(dict);
	enum gt_err rc = GT_PYTHON;

	if (f->id != GT_FIELD_OTHER)
		key = t->app->field[f->id];
	else if ((made = gt_environ_key(gt_exchange_str(ex, f->name))) == NULL)
		return GT_PYTHON;
	else
		key = made;
	value = field_value(t, f->id, gt_exchange_str(ex, f->value));
	if (value != NULL && PyDict_SetDefault(dict, key, value) != NULL)
		rc = PyDict_GET_SIZE(dict) > size
		         ? GT_OK
		         : join_value(dict, key, value, f->id);
	Py_XDECREF(value);
	Py_XDECREF(made);
	return rc;
}

static enum gt_err
add_fields(struct gt_app_thread *t, PyObject *dict,
           const struct gt_exchange *ex)
{
	const struct gt_request *rq = &ex->request;
	bool has_host = rq->form == GT_TARGET_ABSOLUTE;

	for (size_t i = 0; i < rq->nfields; i++) {
		/* The body is decoded: an app must not do it again. */
		if (rq->field[i].id == GT_FIELD_TRANSFER_ENCODING)
			continue;
		if (rq->field[i].id == GT_FIELD_HOST)
			has_host = true;
		else if (add_field(t, dict, ex, &rq->field[i]) != GT_OK)
			return GT_PYTHON;
	}
	if (!has_host &&
	    PyDict_DelItem(dict, t->app->key[GT_KEY_HTTP_HOST]) != 0)
		return GT_PYTHON;
	if (gt_exchange_client(ex)->port[0] == '\0' &&
	    PyDict_DelItem(dict, t->app->key[GT_KEY_REMOTE_PORT]) != 0)
		return GT_PYTHON;
	return GT_OK;
}

static enum gt_err
add_text(PyObject *dict, const char *key, const char *value)
{
	PyObject *text = gt_pyobj_latin1(gt_str_of(value));
	int rc = text == NULL ? -1 : PyDict_SetItemString(dict, key, text);

	Py_XDECREF(text);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

/* What the PROXY protocol has told of the connection. */
static enum gt_err
add_proxy(PyObject *dict, const struct gt_exchange *ex)
{
	const struct gt_proxy_info *info = ex->peer->proxy;

	if (info == NULL)
		return GT_OK;
	if (add_text(dict, "PROXY_PROTOCOL", info->protocol) != GT_OK ||
	    add_text(dict, "PROXY_ADDR", info->server.host) != GT_OK ||
	    add_text(dict, "PROXY_PORT", info->server.port) != GT_OK)
		return GT_PYTHON;
	return GT_OK;
}

static enum gt_err
add_input(struct gt_app_thread *t, PyObject *dict, struct gt_exchange *ex)
{
	if (!ex->in.has_body)
		return GT_OK;
	if (gt_environ_add_length(t->app, dict, ex) != GT_OK)
		return GT_PYTHON;
	if (t->input == NULL)
		t->input = gt_input_create(&t->call);
	if (t->input == NULL ||
	    PyDict_SetItem(dict, t->app->key[GT_KEY_INPUT], t->input) != 0)
		return GT_PYTHON;
	return GT_OK;
}

PyObject *
gt_environ_make(struct gt_app_thread *t, struct gt_exchange *ex)
{
	PyObject *dict;

	if (set_method(t, ex) != GT_OK || set_target(t, ex) != GT_OK ||
	    set_verdict(t, ex) != GT_OK || set_host(t, ex) != GT_OK ||
	    set_remote(t, ex) != GT_OK ||
	    (dict = PyDict_Copy(t->environ.dict)) == NULL)
		return NULL;
	if (add_fields(t, dict, ex) == GT_OK && add_proxy(dict, ex) == GT_OK &&
	    add_input(t, dict, ex) == GT_OK &&
	    gt_environ_add_id(t->app, dict, ex) == GT_OK)
		return dict;
	Py_DECREF(dict);
	return NULL;
}

enum gt_err
gt_environ_init(struct gt_environ *e, const struct gt_app *app)
{
	e->method = -1;
	e->minor = -1;
	e->dict = gt_environ_template(app);
	return e->dict == NULL ? GT_PYTHON : GT_OK;
}

void
gt_environ_fini(struct gt_environ *e)
{
	for (int i = 0; i < GT_FIELD_COUNT; i++)
		Py_CLEAR(e->last[i]);
	Py_CLEAR(e->target);
	Py_CLEAR(e->host);
	Py_CLEAR(e->script);
	Py_CLEAR(e->dict);
}
