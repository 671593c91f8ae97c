/* SPDX-License-Identifier: MIT */
/*
 * A whole connection: the worker's loop, reader, writer and queue with a stub
 * in the place of Python, on one thread. The first octets of the input say
 * how client and app behave, the rest is what the client sends.
 *
 * While the app waits (gt_cond_wait is wrapped) the client and the loop go
 * on. What the app sees must be what one reading of all the octets gives: no
 * request that is not there, none skipped, no octet more of a body. Answers
 * must be complete and in order, and in the end nothing may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/worker/lastout_priv.h"
#include "../../src/worker/logthread_priv.h"
#include "../../src/worker/worker_priv.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/stats/roster.h"
#include "must.h"

#define CONTROL    8 /* octets of the input that are no traffic */
#define CALLS_MAX  512
#define FILE_SIZE  20000
#define QUIET_MAX  6   /* steps without progress; then the client leaves */
#define FORCED_MAX 400 /* steps after that; then something hangs */

/* What the app does with a request. */
enum deed {
	DEED_SMALL,
	DEED_ECHO,      /* reads all, answers with its length */
	DEED_STREAM,    /* reads all, publishes each piece */
	DEED_LARGE,     /* streams much and waits for the client */
	DEED_READ_SOME, /* ten octets of the body */
	DEED_FAIL,
	DEED_FILE,
	DEED_PARCEL,
};
#define DEED_MASK     7
#define DEED_IS_CLOSE 8  /* Connection: close */
#define DEED_NO_LAST  16 /* the loop sends, not the thread */

/* How the client behaves: bits of control[2]. */
enum {
	CLIENT_HALF_CLOSES = 1,
	CLIENT_READS_LATE = 2,
	CLIENT_LEAVES_EARLY = 4,
	CLIENT_NEVER_READS = 8,
	TIME_JUMPS = 16,
	LOOP_GIVES_UP = 32,
};

struct client {
	int fd;
	const uint8_t *control;
	const char *p; /* what it sends */
	size_t n, at;
	unsigned random, steps, quiet;
	bool forced; /* the end is near, whatever it has not sent */
	struct gt_buf got;
};

/* The one true reading of what the client sends. */
struct reading {
	size_t at; /* octets read */
	struct gt_buf body;
	bool whole;
	bool over; /* no request can follow */
};

static struct gt_worker w;
static struct gt_pool_thread threads[2];
static struct gt_cell cells[2]; /* parked all the time */
static struct gt_settings settings;
static struct client cl;
static struct reading ref;
static bool head_of[CALLS_MAX]; /* the n-th call was a HEAD */
static size_t ncalls;
static int file_fd = -1;

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);
void __wrap_gt_cond_wait(struct gt_cond *c, struct gt_mutex *m);

/* ---- in the place of the log thread ---- */

void
gt_logthread_give(struct gt_logthread *lt, enum gt_log_kind kind, const char *p,
                  size_t n)
{
	(void)lt;
	MUST(kind == GT_LOG_KIND_ACCESS);
	MUST(n > 0 && memchr(p, '\n', n) == p + n - 1);
}

void
gt_logthread_count(struct gt_logthread *lt, unsigned status,
                   int64_t duration_us)
{
	(void)lt;
	MUST(status >= 100 && status < 1000);
	MUST(duration_us >= 0);
}

/* ---- in the place of the monitor and of the worker's life ---- */

bool
gt_monitor_ask(struct gt_worker *worker, const struct gt_job *job)
{
	(void)worker;
	(void)job;
	return false; /* no thread runs for long here */
}

void
gt_worker_quit(struct gt_worker *worker, const char *why)
{
	(void)worker;
	(void)why;
	MUST(false); /* max-rss-hard is not set */
}

/* ---- the client ---- */

static unsigned
draw(unsigned below)
{
	cl.random = cl.random * 69069 + 12345;
	return cl.random / 65536 % below;
}

/* Send some octets; false: nothing could be, or nothing is left. */
static bool
client_sends(void)
{
	size_t left = cl.n - cl.at;
	size_t piece = cl.control[1] < 16 ? left : 1 + draw(cl.control[1]);
	ssize_t n;

	if (cl.fd < 0 || left == 0)
		return false;
	n = send(cl.fd, cl.p + cl.at, piece < left ? piece : left,
	         MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n <= 0)
		return false;
	cl.at += (size_t)n;
	return true;
}

static bool
client_reads(void)
{
	ssize_t n;

	if (cl.fd < 0 || (cl.control[2] & CLIENT_NEVER_READS) != 0)
		return false;
	if ((cl.control[2] & CLIENT_READS_LATE) != 0 && cl.steps % 4 != 0)
		return false;
	MUST(gt_buf_reserve(&cl.got, 65536) == GT_OK);
	n = recv(cl.fd, cl.got.p + cl.got.len, 65536, MSG_DONTWAIT);
	if (n > 0)
		cl.got.len += (size_t)n;
	return n > 0;
}

static void
client_leaves(void)
{
	if (cl.fd >= 0)
		close(cl.fd);
	cl.fd = -1;
}

GT_TSA(no_thread_safety_analysis) static void time_jumps(void)
{
	struct gt_conn *c = TAILQ_FIRST(&w.conns);

	if (c != NULL)
		gt_conn_sweep(c, gt_loop_now(&w) + 100000000);
}

/* What the client does beside sending and reading. */
static void
client_ends(bool progress)
{
	unsigned how = cl.control[2];

	cl.quiet = progress ? 0 : cl.quiet + 1;
	if ((how & CLIENT_LEAVES_EARLY) != 0 && cl.at > cl.n / 2)
		client_leaves();
	if (cl.quiet < QUIET_MAX)
		return;
	if (cl.quiet == QUIET_MAX && (how & CLIENT_HALF_CLOSES) != 0)
		(void)shutdown(cl.fd, SHUT_WR);
	else if (cl.quiet == QUIET_MAX + 2 && (how & TIME_JUMPS) != 0)
		time_jumps();
	else if (cl.quiet > QUIET_MAX + 4)
		cl.forced = true;
}

/* One turn of everything but the app. */
GT_TSA(no_thread_safety_analysis) static void step(void)
{
	bool progress = client_sends();

	progress = client_reads() || progress;
	client_ends(progress);
	if (cl.forced) {
		client_leaves();
		time_jumps();
	}
	MUST(++cl.steps < 100000);
	if ((cl.control[2] & LOOP_GIVES_UP) != 0 &&
	    cl.steps % 16 == cl.control[7] % 16)
		gt_conn_give_up_all(&w, 504, "test");
	gt_loop_turn(&w, false);
}

/* ---- the app ---- */

GT_TSA(no_thread_safety_analysis)
void
__wrap_gt_cond_wait(struct gt_cond *c, struct gt_mutex *m)
{
	static unsigned forced;

	(void)c;
	forced = cl.forced ? forced + 1 : 0;
	MUST(forced < FORCED_MAX); /* the app waits for ever */
	gt_mutex_unlock(m);
	step();
	gt_mutex_lock(m);
}

/* Read the body that follows ref.at, as one piece. */
static void
read_reference_body(const struct gt_request *rq)
{
	struct gt_body b;
	struct gt_str data;
	size_t used;

	MUST(gt_body_init(&b, rq, settings.max_body_size, &w.service.limits) ==
	     GT_OK);
	ref.body.len = 0;
	while (!gt_body_is_done(&b) && ref.at < cl.n) {
		if (gt_body_decode(&b, cl.p + ref.at, cl.n - ref.at, &used,
		                   &data) != GT_OK)
			break;
		MUST(gt_buf_add(&ref.body, data.p, data.n) == GT_OK);
		ref.at += used;
	}
	ref.whole = gt_body_is_done(&b);
	ref.over = !ref.whole || !rq->keep_alive;
}

/* The app is called with ex: it must be the next request of the octets. */
static void
compare_head(const struct gt_exchange *ex)
{
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_arena arena = {0};
	const char *p = cl.p + ref.at;
	size_t used;

	MUST(!ref.over);
	gt_head_init(&hp, &rq, &arena, &w.service.limits);
	MUST(gt_head_feed(&hp, p, cl.n - ref.at, &used) == GT_OK);
	MUST(used == ex->head_len && memcmp(ex->head.p, p, used) == 0);
	/* Names with an underscore may have been dropped (header-map). */
	MUST(rq.nfields >= ex->request.nfields);
	MUST(rq.framing == ex->request.framing);
	ref.at += used;
	read_reference_body(&rq);
	gt_arena_fini(&arena);
}

/* Read up to max octets; GT_EOF: there was no more. */
static enum gt_err
app_reads(struct gt_exchange *ex, size_t max, size_t *n)
{
	struct gt_str s;
	enum gt_err rc;

	for (*n = 0; *n < max;) {
		if ((rc = gt_inbox_wait(ex)) != GT_OK) {
			MUST(rc != GT_EOF || (ref.whole && *n == ref.body.len));
			return rc;
		}
		s = gt_inbox_peek(ex);
		if (s.n > max - *n)
			s.n = max - *n;
		MUST(s.n > 0 && s.n <= ref.body.len - *n);
		MUST(memcmp(s.p, ref.body.p + *n, s.n) == 0);
		*n += s.n;
		gt_inbox_consume(ex, s.n);
	}
	return GT_OK;
}

static void
begin(struct gt_exchange *ex, unsigned deed)
{
	const struct gt_request *rq = &ex->request;
	char date[GT_HTTP_DATE_LEN];

	gt_clock_http_date(0, date);
	gt_response_init(&ex->response, rq->minor,
	                 rq->method_id == GT_METHOD_HEAD,
	                 rq->keep_alive && (deed & DEED_IS_CLOSE) == 0);
	MUST(gt_response_start(&ex->response, &ex->out.own, GT_STR("200 OK"),
	                       200, GT_STR("x"), date) == GT_OK);
}

static void
end_head(struct gt_exchange *ex, bool known, uint64_t length)
{
	if (gt_inbox_refuse(ex, known))
		ex->response.keep_alive = false;
	MUST(gt_response_end_head(&ex->response, &ex->out.own, known, length) ==
	     GT_OK);
}

static void
put(struct gt_exchange *ex, const char *p, size_t n)
{
	struct gt_buf *out = &ex->out.own;

	n = gt_response_admit(&ex->response, n);
	if (n == 0)
		return;
	MUST(gt_response_chunk_begin(&ex->response, out, n) == GT_OK);
	MUST(gt_buf_add(out, p, n) == GT_OK);
	MUST(gt_response_chunk_end(&ex->response, out) == GT_OK);
}

/* Publish, and wait when the client does not follow. false: it is gone. */
static bool
publish(struct gt_exchange *ex)
{
	enum gt_err rc = gt_outbox_publish(ex);

	if (rc == GT_FULL)
		rc = gt_outbox_wait(ex);
	ex->failed = ex->failed || rc != GT_OK;
	return rc == GT_OK;
}

static void
answer_small(struct gt_exchange *ex, unsigned deed, size_t length)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "read %zu\n", length);

	begin(ex, deed);
	end_head(ex, true, (uint64_t)n);
	put(ex, text, (size_t)n);
}

static void
answer_stream(struct gt_exchange *ex, unsigned deed, unsigned pieces)
{
	static const char piece[1000] = "a piece of the stream";

	begin(ex, deed);
	end_head(ex, false, 0);
	for (unsigned i = 0; i < pieces && publish(ex); i++)
		put(ex, piece, i % 7 == 0 ? 1 : sizeof(piece));
}

static void
answer_file(struct gt_exchange *ex, unsigned deed)
{
	begin(ex, deed);
	end_head(ex, true, FILE_SIZE);
	if (gt_response_admit(&ex->response, FILE_SIZE) == 0)
		return;
	ex->out.file_fd = dup(file_fd);
	ex->out.file_off = 0;
	ex->out.file_left = FILE_SIZE;
}

static void
answer_parcel(struct gt_exchange *ex, unsigned deed)
{
	static char large[3][9000];
	struct gt_parcel *pc;

	begin(ex, deed);
	end_head(ex, true, sizeof(large));
	if (gt_response_admit(&ex->response, sizeof(large)) == 0)
		return;
	pc = calloc(1, sizeof(*pc) + 3 * sizeof(pc->iov[0]));
	MUST(pc != NULL);
	for (pc->n = 0; pc->n < 3; pc->n++)
		pc->iov[pc->n] = (struct iovec){large[pc->n], sizeof(large[0])};
	ex->out.parcel = pc;
}

static void
release_parcels(void)
{
	struct gt_parcel *pc = atomic_exchange(&w.service.released, NULL);
	struct gt_parcel *next;

	for (; pc != NULL; pc = next) {
		next = pc->next;
		free(pc);
	}
}

/* The app could not read its body: what the wsgi layer answers then. */
static void
answer_error(struct gt_exchange *ex, enum gt_err err)
{
	char date[GT_HTTP_DATE_LEN];

	gt_clock_http_date(0, date);
	ex->failed = ex->failed || err == GT_GONE;
	ex->out.own.len = 0;
	gt_response_init(&ex->response, 1,
	                 ex->request.method_id == GT_METHOD_HEAD, false);
	MUST(gt_response_page(&ex->response, &ex->out.own,
	                      gt_status_of_err(err), GT_STR("x"),
	                      date) == GT_OK);
}

static void
answer(struct gt_exchange *ex, unsigned deed, size_t length)
{
	switch ((enum deed)(deed & DEED_MASK)) {
	case DEED_SMALL:
	case DEED_ECHO:
	case DEED_READ_SOME:
		answer_small(ex, deed, length);
		return;
	case DEED_STREAM:
		answer_stream(ex, deed, 5);
		return;
	case DEED_LARGE:
		answer_stream(ex, deed, 40);
		return;
	case DEED_FAIL:
		ex->failed = true;
		return;
	case DEED_FILE:
		answer_file(ex, deed);
		return;
	case DEED_PARCEL:
		answer_parcel(ex, deed);
		return;
	}
}

static void
call_app(struct gt_exchange *ex, unsigned deed)
{
	enum deed d = (enum deed)(deed & DEED_MASK);
	enum gt_err rc = GT_EOF;
	size_t n = 0;

	MUST(ncalls < CALLS_MAX);
	compare_head(ex);
	head_of[ncalls++] = ex->request.method_id == GT_METHOD_HEAD;
	if (d == DEED_ECHO || d == DEED_STREAM)
		rc = app_reads(ex, SIZE_MAX, &n);
	else if (d == DEED_READ_SOME)
		rc = app_reads(ex, 10, &n);
	if (rc != GT_EOF && rc != GT_OK)
		answer_error(ex, rc);
	else
		answer(ex, deed, n);
	if (ex->response.status != 0 && !ex->failed)
		MUST(gt_response_finish(&ex->response, &ex->out.own) == GT_OK);
}

/* What a pool thread does from the GIL on, once. */
GT_TSA(no_thread_safety_analysis) static void run_queue(void)
{
	const struct gt_pool_thread t = {.worker = &w};
	unsigned deed = cl.control[3 + ncalls % 4];
	struct gt_exchange *ex, *next;
	enum gt_take take;
	bool ran;

	if (!gt_queue_take_first(&w.queue, &ex))
		return;
	for (;; ex = next) {
		if ((ran = gt_exchange_move(ex, GT_EX_QUEUED, GT_EX_RUNNING))) {
			ex->started_us = gt_clock_us();
			ex->cell = &cells[0];
			call_app(ex, deed);
		}
		ex->ended_us = gt_clock_us();
		take = gt_queue_take_next(&w.queue, &t, 0, &next);
		if (take == GT_TAKE_EMPTY && ran && (deed & DEED_NO_LAST) == 0)
			gt_conn_send_last(ex);
		else
			gt_exchange_give_back(ex);
		if (take != GT_TAKE_WORK)
			return;
	}
}

/* ---- what came back ---- */

/* Octets of the body that begins at p; SIZE_MAX: not all of it came. */
static size_t
length_of_body(const char *head, size_t headlen, const char *p, size_t n)
{
	static const struct gt_request chunked = {.framing =
	                                              GT_FRAMING_CHUNKED};
	static const struct gt_http_limits none = {0};
	const char *cl_field =
	    memmem(head, headlen, "\r\nContent-Length: ", 18);
	struct gt_body b;
	struct gt_str data;
	size_t used, at = 0;

	if (cl_field != NULL) {
		at = strtoul(cl_field + 18, NULL, 10);
		return at <= n ? at : SIZE_MAX;
	}
	if (memmem(head, headlen, "\r\nTransfer-Encoding: chunked", 28) == NULL)
		return n;
	MUST(gt_body_init(&b, &chunked, 0, &none) == GT_OK);
	for (; at < n && !gt_body_is_done(&b); at += used)
		MUST(gt_body_decode(&b, p + at, n - at, &used, &data) == GT_OK);
	return gt_body_is_done(&b) ? at : SIZE_MAX;
}

/* The loop has refused what follows ref.at: it must be no whole request. */
static void
check_refusal_is_due(void)
{
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_arena arena = {0};
	struct gt_body b;
	size_t used;

	gt_head_init(&hp, &rq, &arena, &w.service.limits);
	if (!ref.over &&
	    gt_head_feed(&hp, cl.p + ref.at, cl.n - ref.at, &used) == GT_OK) {
		ref.at += used;
		if (gt_body_init(&b, &rq, settings.max_body_size,
		                 &w.service.limits) == GT_OK) {
			read_reference_body(&rq);
			MUST(!ref.whole);
		}
	}
	gt_arena_fini(&arena);
}

/* Responses follow each other; not more than calls and one refusal. */
static void
check_responses(void)
{
	const char *p = cl.got.p, *end, *blank;
	size_t n, nfinal = 0;

	if (p == NULL)
		return;
	end = p + cl.got.len;
	while (p < end) {
		n = (size_t)(end - p);
		MUST(memcmp(p, "HTTP/1.", n < 7 ? n : 7) == 0);
		if ((blank = memmem(p, n, "\r\n\r\n", 4)) == NULL)
			return;
		blank += 4;
		if (p[9] == '1') { /* 100 Continue */
			p = blank;
			continue;
		}
		MUST(nfinal <= ncalls);
		if (nfinal >= ncalls) { /* the loop's own: the last one */
			if (memcmp(p + 9, "408", 3) != 0 &&
			    ((cl.control[2] & LOOP_GIVES_UP) == 0 ||
			     memcmp(p + 9, "503", 3) != 0))
				check_refusal_is_due();
			return;
		}
		n = 0;
		if (!head_of[nfinal])
			n = length_of_body(p, (size_t)(blank - p), blank,
			                   (size_t)(end - blank));
		if (n == SIZE_MAX)
			return;
		p = blank + n;
		nfinal++;
	}
}

/* ---- one input ---- */

static void
configure(const uint8_t *control)
{
	static const struct gt_http_limits small = {60, 6, 60, 200};
	static const struct gt_http_limits usual = {4094, 100, 8190, 65536};

	w.service.limits = (control[0] & 1) != 0 ? small : usual;
	settings.body_buffer = (control[0] & 2) != 0 ? 65536 : 4096;
	settings.max_body_size = (control[0] & 4) != 0 ? 50 : 0;
	settings.response_buffer = 4096;
	settings.keep_alive_ms = settings.header_timeout_ms = 1000;
	settings.body_timeout_ms = settings.write_timeout_ms = 1000;
	settings.worker_connections = 100;
	settings.threads = 2;
}

GT_TSA(no_thread_safety_analysis) static void open_connection(void)
{
	static const struct gt_listener ls = {.is_unix = true};
	const struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int size = 4096;
	int sv[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == 0);
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	cl.fd = sv[1];
	gt_conn_open(&w, sv[0], &ls, (const struct sockaddr *)&sa);
}

static bool
is_over(void)
{
	return TAILQ_EMPTY(&w.conns) && w.queue.queued == 0;
}

GT_TSA(no_thread_safety_analysis) static void drop_free(void)
{
	struct gt_exchange *ex;

	while ((ex = w.free_exchanges) != NULL) {
		w.free_exchanges = ex->next;
		gt_exchange_destroy(ex);
	}
	w.nfree = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	unsigned forced = 0;

	if (n < CONTROL || n > 65536)
		return 0;
	configure(octets);
	cl = (struct client){.control = octets,
	                     .p = (const char *)octets + CONTROL,
	                     .n = n - CONTROL,
	                     .random = octets[7]};
	ref = (struct reading){0};
	ncalls = 0;
	open_connection();
	while (!is_over()) {
		step();
		run_queue();
		release_parcels();
		forced = cl.forced ? forced + 1 : 0;
		MUST(forced < FORCED_MAX); /* the connection does not end */
	}
	client_leaves();
	check_responses();
	MUST(w.nconns == 0 && w.nparked == 0 && w.queue.running == 0);
	drop_free();
	release_parcels();
	gt_buf_fini(&cl.got);
	gt_buf_fini(&ref.body);
	return 0;
}

static void
make_board_and_roster(void)
{
	int fd;

	MUST(gt_board_create(1, &fd) == GT_OK);
	MUST(gt_board_map(fd, true, &w.board) == GT_OK);
	close(fd);
	MUST(gt_roster_create(&fd) == GT_OK);
	MUST(gt_roster_map(fd, &w.roster) == GT_OK);
	close(fd);
}

GT_TSA(no_thread_safety_analysis)
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct gt_child child = {.settings = &settings};
	static const struct gt_trust trust = {.proxy_mode = GT_PROXY_OFF};
	const char *why;

	(void)argc;
	(void)argv;
	gt_role_set(GT_ROLE_LOOP);
	gt_log_set_level(GT_LOG_CRITICAL);
	w.settings = &settings;
	w.service.settings = &settings;
	w.service.trust = &trust;
	w.service.server = GT_STR("x");
	configure((const uint8_t *)"\0");
	w.nthreads = w.queue_size = 2;
	w.threads = threads;
	for (size_t i = 0; i < w.nthreads; i++)
		threads[i].cell = &cells[i];
	w.child = &child;
	make_board_and_roster();
	TAILQ_INIT(&w.conns);
	gt_queue_init(&w.queue, &w.service.mailbox);
	MUST(gt_loop_init(&w) == GT_OK);
	MUST(gt_access_compile("%(h)s %(r)s %(s)s %(B)s %({host}i)s",
	                       &w.service.access, &why) == GT_OK);
	file_fd = memfd_create("file", MFD_CLOEXEC);
	MUST(file_fd >= 0 && ftruncate(file_fd, FILE_SIZE) == 0);
	return 0;
}
