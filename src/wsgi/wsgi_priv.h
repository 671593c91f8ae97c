/* SPDX-License-Identifier: MIT */
/*
 * What the files of this layer share. Everything here needs the GIL.
 *
 * gt_app         the application, and the constants of every environ
 *   gt_app_thread  one per pool thread: what it keeps between requests
 *     gt_environ     the environ of the last request, and cached values
 *     gt_call        the request it answers now
 *     gt_start, gt_input  what the app is given; they point to the gt_call.
 *                    When the app keeps one, it is cut off at the end of the
 *                    request and the next request gets a new one.
 */
#ifndef GTHREADD_WSGI_PRIV_H
#define GTHREADD_WSGI_PRIV_H

#include "gthreadd/python/nogil.h"
#include "gthreadd/python/pyobj.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/exchange/exchange.h"
#include "gthreadd/wsgi/hooks.h"
#include "gthreadd/wsgi/wsgi.h"

/* Keys that every environ has, with their constant or first value. */
#define GT_KEY_TABLE(X)                                        \
	X(VERSION, "wsgi.version")                             \
	X(URL_SCHEME, "wsgi.url_scheme")                       \
	X(INPUT, "wsgi.input")                                 \
	X(INPUT_TERMINATED, "wsgi.input_terminated")           \
	X(ERRORS, "wsgi.errors")                               \
	X(MULTITHREAD, "wsgi.multithread")                     \
	X(MULTIPROCESS, "wsgi.multiprocess")                   \
	X(RUN_ONCE, "wsgi.run_once")                           \
	X(FILE_WRAPPER, "wsgi.file_wrapper")                   \
	X(CLIENT_DISCONNECTED, "gthreadd.client_disconnected") \
	X(EARLY_HINTS, "wsgi.early_hints")                     \
	X(PEER_ADDR, "gthreadd.peer_addr")                     \
	X(SERVER_SOFTWARE, "SERVER_SOFTWARE")                  \
	X(SCRIPT_NAME, "SCRIPT_NAME")                          \
	X(REQUEST_METHOD, "REQUEST_METHOD")                    \
	X(RAW_URI, "RAW_URI")                                  \
	X(PATH_INFO, "PATH_INFO")                              \
	X(QUERY_STRING, "QUERY_STRING")                        \
	X(SERVER_PROTOCOL, "SERVER_PROTOCOL")                  \
	X(SERVER_NAME, "SERVER_NAME")                          \
	X(SERVER_PORT, "SERVER_PORT")                          \
	X(REMOTE_ADDR, "REMOTE_ADDR")                          \
	X(REMOTE_PORT, "REMOTE_PORT")                          \
	X(HTTP_HOST, "HTTP_HOST")

enum gt_key {
#define X(id, name) GT_KEY_##id,
	GT_KEY_TABLE(X)
#undef X
	    GT_KEY_COUNT
};

enum {
	GT_METHOD_COUNT = GT_METHOD_OTHER
#define GT_METHOD(id) +1
#include "../http/tbl/method.def"
#undef GT_METHOD
	                  + 1
};

struct gt_app {
	const struct gt_settings *settings;
	PyObject *callable;
	bool multiprocess; /* other workers serve the same application */
	bool is_forked;    /* this process is one that the app has forked */
	struct gt_hooks *hooks; /* of requests; borrowed; NULL: none */
	PyObject *disconnected; /* gthreadd.ClientDisconnected */
	PyObject *timeout;      /* gthreadd.RequestTimeout */
	PyObject *key[GT_KEY_COUNT];
	PyObject *field[GT_FIELD_COUNT]; /* environ key of a known field */
	PyObject *method[GT_METHOD_COUNT];
	PyObject *protocol[2]; /* by minor version */
	PyObject *scheme[2];   /* "http", "https" */
	PyObject *id_key[2];   /* of request-id-header; NULL: it is not set */
};

/* One request while the app answers it. */
struct gt_call {
	struct gt_app_thread *thread;
	struct gt_exchange *ex;
	/*
	 * Reading and writing may wait without the GIL, and an app may do
	 * either in a thread of its own: one at a time, and the request does
	 * not end while one is inside.
	 */
	PyThread_type_lock lock;
	atomic_uint users;   /* inside, or on the way in or out */
	atomic_bool closing; /* the request ends: leave */
	bool started;   /* start_response() was called, fields are encoded */
	bool head_done; /* the head is encoded: "headers were sent" */
	bool published; /* octets are on their way: no other answer */
	bool complete;  /* its end is encoded: nothing may follow */
	_Atomic(enum gt_err) input_err; /* what the app's reading ran into */
	uint64_t taken;                 /* octets of the body read */
	const struct gt_str *log_names; /* of ex->log_out */
	size_t nlog;
	/* for hooks of requests; NULL when none is set */
	PyObject *hook_request, *hook_status, *hook_headers;
};

/* The start_response callable; write() and its like are bound to it. */
struct gt_start {
	PyObject_HEAD vectorcallfunc vectorcall;
	_Atomic(struct gt_call *) call; /* NULL: the request is over */
};

struct gt_input {
	PyObject_HEAD _Atomic(struct gt_call *)
	    call;      /* NULL: over, unless is_empty */
	bool is_empty; /* the shared one of no body */
};

struct gt_environ {
	PyObject *dict; /* the last request's environ, without its fields */
	PyObject *last[GT_FIELD_COUNT];   /* last value of a known field */
	PyObject *target;                 /* RAW_URI in dict */
	PyObject *host;                   /* HTTP_HOST in dict */
	PyObject *script;                 /* SCRIPT_NAME in dict */
	enum gt_target_form form;         /* of target */
	size_t mounted;                   /* of target */
	bool is_https;                    /* in dict: wsgi.url_scheme */
	bool server_is_https;             /* in dict: SERVER_PORT, from host */
	int method;                       /* in dict; -1: none yet */
	int minor;                        /* in dict; -1: none yet */
	const struct gt_addr_text *local; /* in dict; NULL: from host */
	bool has_remote;
	struct gt_addr_text remote; /* in dict: REMOTE_... */
	char peer[GT_ADDR_TEXT];    /* in dict: gthreadd.peer_addr */
};

struct gt_app_thread {
	struct gt_app *app;
	unsigned number;
	struct gt_call call;
	struct gt_environ environ;
	struct gt_start *start;
	PyObject *write; /* bound to start */
	PyObject *gone;  /* bound to start; also in environ.dict */
	PyObject *hints; /* bound to start; also in environ.dict */
	PyObject *input; /* struct gt_input; NULL: none yet */
	time_t date_at;  /* second that date shows */
	char date[GT_HTTP_DATE_LEN];
};

/*
 * The response of a request (ex->response, ex->out.own and what gt_call has of
 * it) is shared by the thread that answers and by threads of the app that call
 * start_response() or write(). What orders them is the GIL; without one it is
 * the section of the start_response object, which is held wherever the
 * response is touched, and never around a call of the app.
 */
struct GT_TSA(capability("response")) gt_response_cap {
	char unused;
};
extern struct gt_response_cap gt_response_held; /* does not exist */
#define GT_NEEDS_RESPONSE GT_TSA(requires_capability(gt_response_held))
/* Calls the app. */
#define GT_NO_RESPONSE GT_TSA(locks_excluded(gt_response_held))

/* That the section is the capability is what clang cannot see. */
#define GT_SECTION(x) GT_TSA(x) GT_TSA(no_thread_safety_analysis)

static inline void gt_call_hold_start(struct gt_pyobj_section *s,
                                      struct gt_start *start) GT_NEEDS_GIL
    GT_SECTION(acquire_capability(gt_response_held));
/* The same, by the thread that answers. */
static inline void gt_call_hold(struct gt_pyobj_section *s,
                                const struct gt_call *c) GT_NEEDS_GIL
    GT_SECTION(acquire_capability(gt_response_held));
static inline void gt_call_let_go(struct gt_pyobj_section *s) GT_NEEDS_GIL
    GT_SECTION(release_capability(gt_response_held));

static inline void
gt_call_hold_start(struct gt_pyobj_section *s, struct gt_start *start)
{
	gt_pyobj_section_begin(s, (PyObject *)start);
}

static inline void
gt_call_hold(struct gt_pyobj_section *s, const struct gt_call *c)
{
	gt_call_hold_start(s, c->thread->start);
}

static inline void
gt_call_let_go(struct gt_pyobj_section *s)
{
	gt_pyobj_section_end(s);
}

/* ---- call.c ---- */

/*
 * The request of an object that the app has been given: call is its member.
 * It does not end before the caller gives it back, which must be soon. NULL:
 * it is over.
 */
struct gt_call *gt_call_use(PyObject *self,
                            _Atomic(struct gt_call *) *call) GT_NEEDS_GIL;
void gt_call_unuse(struct gt_call *c) GT_NEEDS_GIL;
/* The same, around whatever may wait for the client: one at a time. */
struct gt_call *gt_call_enter(PyObject *self,
                              _Atomic(struct gt_call *) *call) GT_NEEDS_GIL;
void gt_call_leave(struct gt_call *c) GT_NEEDS_GIL;
/* Around a wait for the client: without the GIL, and the board says so. */
void gt_call_pause(struct gt_exchange *ex) GT_GIVES_GIL;
void gt_call_resume(struct gt_exchange *ex) GT_TAKES_GIL;
/* Raise what gt_call_send returned. */
void gt_call_raise(const struct gt_app *app, enum gt_err rc) GT_NEEDS_GIL;

/* ---- forked.c ---- */

/*
 * End this process, which the application has forked, as python3 would: with
 * the code of sys.exit(), else with 1 and the exception, if any, in the log.
 */
GT_NORETURN void gt_fork_end(void) GT_NEEDS_GIL;

/* ---- send.c ---- */

/*
 * Encode the end of the head. known: the whole body is length octets. Errors:
 * GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err
gt_call_end_head(struct gt_call *c, bool known,
                 uint64_t length) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
/*
 * Send n octets of body at once, the head before them when it has not been
 * sent; waits for a slow client. known: these octets are the whole body.
 * Errors: GT_GONE, GT_NOMEM, GT_INVALID (not begun), GT_EOF (it is complete).
 * Entered.
 */
GT_MUST_CHECK enum gt_err
gt_call_send(struct gt_call *c, const char *p, size_t n,
             bool known) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
/* Too much waits for the client: wait for it. Errors: GT_GONE. Entered. */
GT_MUST_CHECK enum gt_err gt_call_wait(struct gt_call *c) GT_NEEDS_GIL;

/* ---- body.c ---- */

/*
 * Make the response of what the app returned. Errors: GT_PYTHON, exception
 * set.
 */
GT_MUST_CHECK enum gt_err gt_body_respond(struct gt_call *c,
                                          PyObject *result) GT_NEEDS_GIL;

/* ---- const.c, environ.c, envlog.c ---- */

/* app's constants and types. Errors: GT_PYTHON, exception set. */
GT_MUST_CHECK enum gt_err gt_environ_init_app(struct gt_app *app) GT_NEEDS_GIL;
/*
 * The environ before the first request, of objects of its own: threads that
 * share none do not slow each other down. NULL: exception.
 */
PyObject *gt_environ_template(const struct gt_app *app) GT_NEEDS_GIL;
/* app->id_key. Errors: GT_PYTHON, exception set. */
GT_MUST_CHECK enum gt_err gt_environ_init_id(struct gt_app *app) GT_NEEDS_GIL;
/* Of a chunked body that is there whole. Errors: as below. */
GT_MUST_CHECK enum gt_err
gt_environ_add_length(const struct gt_app *app, PyObject *dict,
                      struct gt_exchange *ex) GT_NEEDS_GIL;
/* The id of ex, when it has one. Errors: GT_PYTHON, exception set. */
GT_MUST_CHECK enum gt_err
gt_environ_add_id(const struct gt_app *app, PyObject *dict,
                  const struct gt_exchange *ex) GT_NEEDS_GIL;
/* "HTTP_X_FOO". New reference; NULL: exception set. */
PyObject *gt_environ_key(struct gt_str name) GT_NEEDS_GIL;
void gt_environ_fini_app(struct gt_app *app) GT_NEEDS_GIL;
GT_MUST_CHECK enum gt_err
gt_environ_init(struct gt_environ *e, const struct gt_app *app) GT_NEEDS_GIL;
void gt_environ_fini(struct gt_environ *e) GT_NEEDS_GIL;
/* The environ of t's request. NULL: exception. */
PyObject *gt_environ_make(struct gt_app_thread *t,
                          struct gt_exchange *ex) GT_NEEDS_GIL;
/* ex->log_env, from the environ after the app ran. */
void gt_environ_log(PyObject *env, struct gt_exchange *ex) GT_NEEDS_GIL;

/* ---- startresp.c, hints.c, input.c, errors.c, filewrap.c, module.c ---- */

GT_MUST_CHECK enum gt_err gt_start_ready(void) GT_NEEDS_GIL;
/* t->start, and what is bound to it; gone and hints also in t->environ. */
GT_MUST_CHECK enum gt_err gt_start_create(struct gt_app_thread *t) GT_NEEDS_GIL;
/* Cut them off from the call and let them go. */
void gt_start_drop(struct gt_app_thread *t) GT_NEEDS_GIL;
/* Does somebody else hold one of them? */
bool gt_start_is_kept(const struct gt_app_thread *t) GT_NEEDS_GIL;
/* Begin the response anew: nothing encoded. */
void gt_start_discard(struct gt_call *c) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
/*
 * Validate the app's list of (name, value) and encode it. c: the final
 * response, whose values the access log may want; NULL: an interim one.
 * false: exception.
 */
bool gt_start_fields(struct gt_call *c, struct gt_response *r,
                     struct gt_buf *out, PyObject *headers) GT_NEEDS_GIL;
/* The server's own page instead. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_start_page(struct gt_call *c, unsigned status)
    GT_NEEDS_GIL GT_NEEDS_RESPONSE;

GT_MUST_CHECK enum gt_err gt_input_ready(void) GT_NEEDS_GIL;
/* Cut it off from its call and let it go. */
void gt_input_drop(struct gt_app_thread *t) GT_NEEDS_GIL;
/* call NULL: the one for requests without a body. NULL: exception. */
PyObject *gt_input_create(struct gt_call *call) GT_NEEDS_GIL;

/* wsgi.early_hints, bound to a struct gt_start. NULL: exception. */
PyObject *gt_hints_create(PyObject *start) GT_NEEDS_GIL;

GT_MUST_CHECK enum gt_err gt_errors_ready(void) GT_NEEDS_GIL;
/* wsgi.errors. NULL: exception. */
PyObject *gt_errors_create(void) GT_NEEDS_GIL;

GT_MUST_CHECK enum gt_err gt_filewrap_ready(void) GT_NEEDS_GIL;
/* wsgi.file_wrapper. New reference. */
PyObject *gt_filewrap_type(void) GT_NEEDS_GIL;
bool gt_filewrap_is(PyObject *o) GT_NEEDS_GIL;
struct gt_file_part {
	int fd; /* borrowed from the app's object */
	off_t off;
	uint64_t left; /* octets from off to its end */
};
/*
 * Is o a file wrapper around a regular file whose octets are what read()
 * would give, so that the loop may send them itself?
 */
bool gt_filewrap_part(PyObject *o, struct gt_file_part *out) GT_NEEDS_GIL;

/* ---- hooks.c, hookcfg.c, reqhooks.c ---- */

struct gt_hooks {
	const struct gt_settings *settings;
	PyObject *module; /* gthreadd._hooks */
	PyObject *cfg, *log, *server;
	PyObject *worker;  /* this process, or whom a hook is about; or NULL */
	PyObject *workers; /* in a forkserver: age to worker; else NULL */
	PyObject *before, *after;      /* of nworkers_changed; else NULL */
	PyObject *call[GT_HOOK_COUNT]; /* NULL: not set */
	size_t nargs[GT_HOOK_COUNT];
	struct gt_hook_self self;
	bool is_shared; /* functions of the module refer to it */
};

/* hooks.py, as text. */
extern const char gt_hooks_source[];

/* An object of that type with cfg and log. NULL: exception. */
PyObject *gt_hooks_make(struct gt_hooks *h, const char *type) GT_NEEDS_GIL;
/*
 * o.name = value, which is taken; NULL: an exception is set already. Errors:
 * GT_PYTHON, exception set.
 */
GT_MUST_CHECK enum gt_err gt_hooks_set(PyObject *o, const char *name,
                                       PyObject *value) GT_NEEDS_GIL;
GT_MUST_CHECK enum gt_err gt_hooks_set_number(PyObject *o, const char *name,
                                              long value) GT_NEEDS_GIL;
/*
 * The worker of that age, which a forkserver may have made before; a new
 * reference. NULL: exception.
 */
PyObject *gt_hooks_worker_of(struct gt_hooks *h, unsigned age) GT_NEEDS_GIL;
/* type(values, aliases) of all settings. NULL: exception. */
PyObject *gt_hooks_config(PyObject *type,
                          const struct gt_settings *s) GT_NEEDS_GIL;
/*
 * Call a hook that is set. args NULL: they could not be made, exception set.
 * Failures are logged. Errors: GT_PYTHON.
 */
enum gt_err gt_hooks_call(struct gt_hooks *h, enum gt_hook hook,
                          PyObject *args) GT_NEEDS_GIL;
/* pre_request. false: it raised, which has been logged. */
bool gt_hooks_before(struct gt_call *c) GT_NEEDS_GIL;
/* post_request; env may be NULL. */
void gt_hooks_after(struct gt_call *c, PyObject *env) GT_NEEDS_GIL;
/* What start_response() was called with, for the object of the response. */
void gt_hooks_note_response(struct gt_call *c, PyObject *status,
                            PyObject *headers) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
void gt_hooks_drop_response(struct gt_call *c) GT_NEEDS_GIL GT_NEEDS_RESPONSE;

/* An object of the module gthreadd. NULL: exception. */
PyObject *gt_module_object(const char *name) GT_NEEDS_GIL;
/* gthreadd.logging. New reference; NULL: exception set. */
PyObject *gt_module_logging(void) GT_NEEDS_GIL;

/* ---- broken.c ---- */

/* An application that answers with text. NULL: failed, and logged. */
PyObject *gt_broken_load(struct gt_str text) GT_NEEDS_GIL;

/* ---- paste.c ---- */

/* The application of s->paste. NULL: failed, and logged. */
PyObject *gt_paste_load(const struct gt_settings *s) GT_NEEDS_GIL;

#endif
