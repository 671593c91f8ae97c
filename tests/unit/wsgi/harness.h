/* SPDX-License-Identifier: MIT */
/*
 * Exchanges in memory for the tests of the WSGI layer: the test is the loop,
 * the pool thread and the client at once.
 */
#ifndef GTHREADD_TESTS_WSGI_HARNESS_H
#define GTHREADD_TESTS_WSGI_HARNESS_H

#include <stdbool.h>
#include <string.h>

#include "gthreadd/exchange/exchange.h"
#include "gthreadd/wsgi/wsgi.h"

extern struct gt_settings settings;
extern struct gt_service service;
extern struct gt_peer peer;
extern struct gt_trust trust; /* nobody, nothing */
extern struct gt_app *app;
extern struct gt_app_thread *thread;
extern struct gt_exchange *ex;

/* All that was logged since start_test(). */
extern char logged[65536];
/* Octets of the last response, NUL behind them. */
extern char *answer;
extern size_t answer_len;

/* Interpreter and service, once per program. */
void start_world(void) GT_TAKES_GIL;
void stop_world(void) GT_GIVES_GIL;

/* Fresh logs, settings, peer, trust. */
int start_test(void **state);
int stop_test(void **state);

/* Load module `app_under_test` with that source. */
void load_app(const char *source);
/* Parse a head (and its body, when some follows) into ex. */
void prepare(const char *request);
/* More octets of body; end of it. */
void feed_body(const char *p, size_t n);
void end_body(void);
/* Call the app on ex, take the answer. */
void call_app(void);
/* load_app, prepare, call_app. */
const char *ask(const char *source, const char *request);
/* prepare, call_app with the app that is loaded. */
const char *again(const char *request);
/* Take what the loop would send now. */
void drain(void);

/* Evaluate in the app's module: is it true? */
bool holds(const char *expression);
bool has_logged(const char *text);
/* The body behind the head of the answer. */
const char *body_of(const char *response);

#define assert_has(s, part)                                    \
	do {                                                   \
		if (strstr((s), (part)) == NULL)               \
			fail_msg("no \"%s\" in: %s", part, s); \
	} while (0)
#define assert_lacks(s, part)                               \
	do {                                                \
		if (strstr((s), (part)) != NULL)            \
			fail_msg("\"%s\" in: %s", part, s); \
	} while (0)

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

#endif
