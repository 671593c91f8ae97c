/* SPDX-License-Identifier: MIT */
/*
 * The setting reload, for development: a thread watches the files of what is
 * imported, and when one changes asks the master for a successor, once, as a
 * worker does that has come to its max-requests. An application that cannot be
 * imported is no end of the worker then: it answers with the traceback, and
 * watches on.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/filewatch.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/modules.h"
#include "reloader_priv.h"

#define TICK_MS   1000 /* new modules and, without inotify, all files */
#define SETTLE_MS 50   /* one who saves several files */
#define RETRY_MS  100

enum engine { ENGINE_AUTO, ENGINE_INOTIFY, ENGINE_POLL }; /* its choices */

struct gt_reloader {
	struct gt_worker *worker;
	struct gt_thread thread;
	bool runs;
	int stop_fd; /* an eventfd */
	struct gt_filewatch *files;
	struct gt_buf failure; /* why the app could not be loaded, as logged */
	int64_t booted_us;     /* of the wall clock */
	int64_t since_us;      /* for files that are added: see filewatch.h */
	bool is_blind;         /* a directory could not be watched */
};

static bool
wants_inotify(const struct gt_worker *w)
{
	return w->settings->reload_engine != ENGINE_POLL;
}

/* ---- the app ---- */

static void
tee(void *arg, const char *line, size_t n)
{
	struct gt_reloader *r = arg;

	if (gt_buf_add(&r->failure, line, n) != GT_OK)
		gt_buf_reset(&r->failure, 0);
	if (gt_fd_write_all(gt_log_fd(), line, n) != GT_OK)
		return; /* nowhere left to say so */
}

enum gt_err
gt_reloader_load(struct gt_worker *w)
{
	const struct gt_settings *s = w->settings;
	bool many = s->workers > 1;
	struct gt_reloader *r;
	enum gt_err rc;

	if (!s->reload)
		return gt_app_load(s, many, &w->app);
	r = w->reloader = gt_xcalloc(1, sizeof(*r));
	r->worker = w;
	r->stop_fd = -1;
	r->booted_us = gt_clock_wall_us();
	gt_log_set_sink(tee, r); /* the log thread does not run yet */
	rc = gt_app_load(s, many, &w->app);
	gt_log_set_sink(NULL, NULL);
	if (rc == GT_OK) {
		gt_buf_fini(&r->failure);
		return rc;
	}
	gt_log_warning("the application is broken: its traceback is served "
	               "until a file changes");
	return gt_app_load_broken(s, many, gt_buf_str(&r->failure), &w->app);
}

/* ---- what is watched ---- */

static void
add(void *arg, const char *path)
{
	struct gt_reloader *r = arg;

	if (gt_filewatch_add(r->files, path, r->since_us) == GT_OK ||
	    r->is_blind)
		return;
	r->is_blind = true;
	gt_log_warning("reload: not every file can be watched by inotify, "
	               "files are looked at each second: %s",
	               gt_err_text(GT_SYS));
}

/* The files that a traceback names. */
static void
add_failure(struct gt_reloader *r)
{
	static const char mark[] = "File \"";
	struct gt_str rest = gt_buf_str(&r->failure);
	char path[4096];
	const char *p, *end;

	while (rest.n > 0 &&
	       (p = memmem(rest.p, rest.n, mark, strlen(mark))) != NULL) {
		p += strlen(mark);
		rest.n -= (size_t)(p - rest.p);
		rest.p = p;
		end = memchr(p, '"', rest.n);
		if (end == NULL)
			return;
		snprintf(path, sizeof(path), "%.*s", (int)(end - p), p);
		add(r, path);
	}
}

/* A module that is not there may come: in one of these. */
static void
add_directories(struct gt_reloader *r)
{
	const struct gt_settings *s = r->worker->settings;
	static const char inside[] = "/."; /* inotify takes what is before */
	char path[4096];

	for (size_t i = 0; i <= s->pythonpath.n; i++) {
		snprintf(path, sizeof(path), "%s%s",
		         i == 0 ? s->chdir : s->pythonpath.v[i - 1], inside);
		add(r, path);
	}
}

static void
collect(struct gt_reloader *r)
{
	enum gt_err rc;

	gt_gil_take();
	rc = gt_modules_files(&r->worker->settings->reload_extra_file, add, r);
	gt_gil_give();
	if (rc != GT_OK)
		gt_log_warning("reload: modules are not watched");
}

/* ---- the thread ---- */

/* false: the thread shall end. *told: inotify has something. */
static bool
wait_ms(struct gt_reloader *r, int ms, bool *told)
{
	struct pollfd p[2] = {
	    {.fd = r->stop_fd, .events = POLLIN},
	    {.fd = gt_filewatch_fd(r->files), .events = POLLIN},
	};

	*told = false;
	if (poll(p, p[1].fd < 0 ? 1 : 2, ms) <= 0)
		return true;
	*told = p[1].fd >= 0 && p[1].revents != 0;
	gt_filewatch_drain(r->files);
	return p[0].revents == 0;
}

/* The worker serves on until its successor is ready. */
static void
ask(struct gt_reloader *r, const char *path)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_RECYCLE,
	                                   .value = GT_RECYCLE_RELOAD};
	enum gt_err rc;
	bool told;

	gt_log_info("reload: changed file=%s", path);
	if (!wait_ms(r, SETTLE_MS, &told))
		return;
	do
		rc = gt_channel_send(r->worker->child->channel_fd, &msg);
	while (rc == GT_AGAIN && wait_ms(r, RETRY_MS, &told));
}

static const char *
look(struct gt_reloader *r, bool told)
{
	if (!told && !r->is_blind && gt_filewatch_fd(r->files) >= 0)
		return NULL;
	return gt_filewatch_changed(r->files);
}

static void *
reloader_main(void *arg)
{
	struct gt_reloader *r = arg;
	const char *path = NULL;
	bool told = true;

	gt_gil_thread_init(NULL);
	r->since_us = r->booted_us;
	add_failure(r);
	collect(r);
	r->since_us = 0;
	while ((path = look(r, told)) == NULL && wait_ms(r, TICK_MS, &told))
		collect(r);
	if (path != NULL)
		ask(r, path);
	gt_gil_thread_fini();
	return NULL;
}

/* inotify, or with the engine auto nothing when there is none. */
static enum gt_err
open_files(struct gt_reloader *r)
{
	enum gt_err rc =
	    gt_filewatch_create(wants_inotify(r->worker), &r->files);

	if (rc != GT_SYS)
		return rc;
	if (r->worker->settings->reload_engine == ENGINE_INOTIFY)
		gt_log_warning("reload: inotify cannot be had, files are "
		               "looked at each second: %s",
		               gt_err_text(rc));
	return gt_filewatch_create(false, &r->files);
}

enum gt_err
gt_reloader_start(struct gt_worker *w)
{
	struct gt_reloader *r = w->reloader;
	enum gt_err rc;

	if (r == NULL)
		return GT_OK;
	if ((r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return GT_SYS;
	if ((rc = open_files(r)) != GT_OK)
		return rc;
	/* Whoever sees the traceback served may add the module at once. */
	if (r->failure.len > 0)
		add_directories(r);
	rc = gt_thread_create(&r->thread, "reloader", reloader_main, r);
	r->runs = rc == GT_OK;
	return rc;
}

void
gt_reloader_stop(struct gt_worker *w)
{
	struct gt_reloader *r = w->reloader;
	const uint64_t one = 1;

	if (r == NULL)
		return;
	if (r->runs) {
		if (gt_fd_write_all(r->stop_fd, &one, sizeof(one)) != GT_OK)
			gt_log_error("reload cannot be stopped");
		gt_thread_join(&r->thread);
	}
	gt_fd_close(&r->stop_fd);
	gt_filewatch_destroy(r->files);
	gt_buf_fini(&r->failure);
	free(r);
	w->reloader = NULL;
}
