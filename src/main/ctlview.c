/* SPDX-License-Identifier: MIT */
/*
 * What gthreadctl shows of the server's status: text for people. All texts
 * come from outside: what could control a terminal becomes '?'.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main_priv.h"

#define CELL 32 /* octets of a column's text */

static long long
integer(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static double
number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* Never NULL. */
static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

GT_PRINTF(2, 3)
static void
add(struct gt_buf *out, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line))
		n = (int)sizeof(line) - 1;
	/* Out of memory: less is shown. */
	if (n > 0 && gt_buf_add(out, line, (size_t)n) != GT_OK)
		return;
}

/* Controls of C0 and, in UTF-8, of C1 become '?'. */
static void
add_masked(struct gt_buf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			add(out, "?");
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			add(out, "?");
			p++;
		} else {
			add(out, "%c", *p);
		}
	}
}

/* "1.5s", "2m05s", "3h12m", "4d07h". */
static const char *
span(double seconds, char out[CELL])
{
	long long ms = (long long)(seconds * 1000), s = ms / 1000;

	if (s < 60)
		snprintf(out, CELL, "%lld.%llds", s, ms % 1000 / 100);
	else if (s < 3600)
		snprintf(out, CELL, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CELL, "%lldh%02lldm", s / 3600, s % 3600 / 60);
	else
		snprintf(out, CELL, "%lldd%02lldh", s / 86400,
		         s % 86400 / 3600);
	return out;
}

/* The same of a member, "-" when it is null or not there. */
static const char *
span_of(const json_t *o, const char *key, char out[CELL])
{
	if (!json_is_number(json_object_get(o, key)))
		return "-";
	return span(number(o, key), out);
}

static const char *
size(long long octets, char out[CELL])
{
	static const char unit[] = "KMGT";
	long long n = octets * 10 / 1024;
	size_t i = 0;

	while (n >= 10240 && unit[i + 1] != '\0') {
		n /= 1024;
		i++;
	}
	snprintf(out, CELL, "%lld.%lld%c", n / 10, n % 10, unit[i]);
	return out;
}

static bool
is_busy(const json_t *thread)
{
	const char *state = text(thread, "state");

	return strcmp(state, "running") == 0 || strcmp(state, "waiting") == 0;
}

static unsigned
busy_of(const json_t *worker)
{
	const json_t *t;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(worker, "threads"), i, t) n +=
	    is_busy(t);
	return n;
}

/* What is added up over the workers. */
struct sums {
	long long serving, threads, busy, queued, connections, parked, rss,
	    requests;
};

static struct sums
add_up(const json_t *status)
{
	struct sums s = {0};
	const json_t *w;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, w)
	{
		s.serving += strcmp(text(w, "state"), "serving") == 0;
		s.threads +=
		    (long long)json_array_size(json_object_get(w, "threads"));
		s.busy += busy_of(w);
		s.queued += integer(w, "queued");
		s.connections += integer(w, "connections");
		s.parked += integer(w, "parked");
		s.rss += integer(w, "rss");
	}
	s.requests = integer(status, "requests");
	return s;
}

/* ---- status ---- */

static void
add_title(const json_t *status, struct gt_buf *out)
{
	char up[CELL];

	add(out, "gthreadd %s [", text(status, "version"));
	add_masked(out, text(status, "name"));
	add(out, "] master %lld, up %s, %s\n", integer(status, "pid"),
	    span_of(status, "uptime", up), text(status, "state"));
}

static void
add_reload(const json_t *status, struct gt_buf *out)
{
	const json_t *r = json_object_get(status, "reload");
	char age[CELL];

	add(out, "generation   %lld", integer(status, "generation"));
	if (strcmp(text(r, "state"), "none") != 0)
		add(out, ", a reload is %s", text(r, "state"));
	if (json_is_number(json_object_get(r, "last_age"))) {
		add(out, ", last reload %s ago: ", span_of(r, "last_age", age));
		add_masked(out, json_is_true(json_object_get(r, "last_ok"))
		                    ? "ok"
		                    : text(r, "last_error"));
	}
	add(out, "\n");
}

static void
add_ended(const json_t *status, struct gt_buf *out)
{
	const char *key;
	json_t *value;
	int n = 0;

	add(out, "ended");
	json_object_foreach(json_object_get(status, "ended"), key, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		add(out, "%s%s %lld", n++ == 0 ? "        " : ", ", key,
		    (long long)json_integer_value(value));
	}
	add(out, "%s\n", n == 0 ? "        none" : "");
}

void
gt_view_status(const json_t *status, struct gt_buf *out)
{
	struct sums s = add_up(status);
	const json_t *l;
	char rss[CELL];
	size_t i;

	add_title(status, out);
	json_array_foreach(json_object_get(status, "listeners"), i, l)
	{
		add(out, "%-13s", i == 0 ? "listens at" : "");
		add_masked(out, json_string_value(l));
		add(out, "\n");
	}
	add_reload(status, out);
	add(out, "workers      %lld of %lld serve, %lld started, %s\n",
	    s.serving, integer(status, "workers_wanted"),
	    integer(status, "workers_started"), size(s.rss, rss));
	add_ended(status, out);
	add(out, "threads      %lld of %lld busy\n", s.busy, s.threads);
	add(out, "queue        %lld requests\n", s.queued);
	add(out, "connections  %lld, %lld of them parked\n", s.connections,
	    s.parked);
	add(out, "requests     %lld\n", s.requests);
}

/* ---- workers ---- */

static void
add_worker(const json_t *w, const char *rate, struct gt_buf *out)
{
	char up[CELL], rss[CELL], loop[CELL], gil[CELL];

	add(out, "%7lld %5lld %3lld %-8s %7s %7s %5lld %6lld %5lld %3u/%-3zu",
	    integer(w, "pid"), integer(w, "age"), integer(w, "generation"),
	    text(w, "state"), span_of(w, "uptime", up),
	    size(integer(w, "rss"), rss), integer(w, "connections"),
	    integer(w, "parked"), integer(w, "queued"), busy_of(w),
	    json_array_size(json_object_get(w, "threads")));
	add(out, " %9lld%s %6s %6s\n", integer(w, "requests"), rate,
	    span_of(w, "loop_beat_age", loop), span_of(w, "gil_beat_age", gil));
}

#define WORKERS_HEAD                                                    \
	"    PID   AGE GEN STATE         UP     RSS  CONN PARKED QUEUE" \
	" BUSY     REQUESTS"

void
gt_view_workers(const json_t *status, struct gt_buf *out)
{
	const json_t *w;
	size_t i;

	add(out, WORKERS_HEAD "   LOOP    GIL\n");
	json_array_foreach(json_object_get(status, "workers"), i, w)
	    add_worker(w, "", out);
}

/* ---- threads ---- */

struct row {
	long long pid;
	const json_t *thread;
};

#define THREADS_HEAD "    PID  NO STATE        FOR     DONE REQUEST\n"

static void
add_thread(const struct row *r, struct gt_buf *out)
{
	const char *key = is_busy(r->thread) ? "request_seconds" : "seconds";
	char age[CELL];

	add(out, "%7lld %3lld %-8s %7s %8lld ", r->pid,
	    integer(r->thread, "number"), text(r->thread, "state"),
	    span_of(r->thread, key, age), integer(r->thread, "done"));
	add_masked(out, text(r->thread, "text"));
	add(out, is_busy(r->thread) ? " " : "");
	add_masked(out, text(r->thread, "peer"));
	add(out, "\n");
}

void
gt_view_threads(const json_t *status, struct gt_buf *out)
{
	const json_t *w, *t;
	size_t i, k;

	add(out, THREADS_HEAD);
	json_array_foreach(json_object_get(status, "workers"), i, w)
	{
		json_array_foreach(json_object_get(w, "threads"), k, t)
		{
			struct row r = {integer(w, "pid"), t};

			add_thread(&r, out);
		}
	}
}

/* ---- top ---- */

static int
by_age(const void *a, const void *b)
{
	double x = number(((const struct row *)a)->thread, "request_seconds");
	double y = number(((const struct row *)b)->thread, "request_seconds");

	return (x < y) - (x > y);
}

/* Threads in a request, the oldest first. */
static void
add_busy(const json_t *status, size_t nthreads, struct gt_buf *out)
{
	struct row *rows = calloc(nthreads + 1, sizeof(*rows));
	const json_t *w, *t;
	size_t i, k, n = 0;

	if (rows == NULL)
		return;
	json_array_foreach(json_object_get(status, "workers"), i, w)
	{
		json_array_foreach(json_object_get(w, "threads"), k, t)
		{
			if (is_busy(t) && n < nthreads)
				rows[n++] = (struct row){integer(w, "pid"), t};
		}
	}
	qsort(rows, n, sizeof(*rows), by_age);
	add(out, THREADS_HEAD);
	for (i = 0; i < n; i++)
		add_thread(&rows[i], out);
	free(rows);
}

static const json_t *
find_worker(const json_t *status, long long pid)
{
	const json_t *w;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, w)
	{
		if (integer(w, "pid") == pid)
			return w;
	}
	return NULL;
}

/* " 12.3", a column of nine; "-" at first. */
static const char *
rate(long long now, const json_t *before, double seconds, char out[CELL])
{
	long long tenths;

	if (before == NULL || seconds <= 0) {
		snprintf(out, CELL, " %8s", "-");
		return out;
	}
	tenths = (long long)((double)(now - integer(before, "requests")) * 10 /
	                     seconds);
	if (tenths < 0) /* the server is another */
		tenths = 0;
	snprintf(out, CELL, " %6lld.%lld", tenths / 10, tenths % 10);
	return out;
}

void
gt_view_top(json_t *status, double at, struct gt_view_past *past,
            struct gt_buf *out)
{
	double seconds = at - past->at;
	struct sums s = add_up(status);
	char cell[CELL], rss[CELL];
	const json_t *w;
	size_t i;

	add_title(status, out);
	add(out,
	    "requests/s%s  busy %lld/%lld  queue %lld  connections %lld "
	    "(%lld parked)  %s\n\n",
	    rate(s.requests, past->status, seconds, cell), s.busy, s.threads,
	    s.queued, s.connections, s.parked, size(s.rss, rss));
	add(out, WORKERS_HEAD "    REQ/S   LOOP    GIL\n");
	json_array_foreach(json_object_get(status, "workers"), i, w) add_worker(
	    w,
	    rate(integer(w, "requests"),
	         find_worker(past->status, integer(w, "pid")), seconds, cell),
	    out);
	add(out, "\n");
	add_busy(status, (size_t)s.threads, out);
	json_decref(past->status);
	past->status = status;
	past->at = at;
}
