/* SPDX-License-Identifier: MIT */
/*
 * GET /status: what the master knows, as JSON. What workers show on their
 * boards is read as they write it, and believed no further than its text.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/config/load.h"
#include "gthreadd/stats/json.h"

#include "arbiter_priv.h"

static void
put_age(struct gt_json *j, const char *key, int64_t since_us, int64_t now)
{
	if (since_us == 0)
		gt_json_null(j, key);
	else
		gt_json_seconds(j, key, now > since_us ? now - since_us : 0);
}

static void
put_thread(struct gt_json *j, const struct gt_board *b, unsigned i, int64_t now)
{
	struct gt_cell_copy c;

	if (!gt_cell_read(&b->cell[i], &c))
		return;
	gt_json_open(j, '{');
	gt_json_uint(j, "number", i + 1);
	gt_json_text(j, "state", gt_cell_state_name(c.state));
	put_age(j, "seconds", c.since_us, now);
	gt_json_uint(j, "done", c.done);
	if (gt_cell_state_is_busy(c.state)) {
		gt_json_uint(j, "request", c.request);
		put_age(j, "request_seconds", c.started_us, now);
		gt_json_text(j, "text", c.text);
		gt_json_text(j, "peer", gt_cell_peer(&c));
	}
	gt_json_close(j, '}');
}

static void
put_board(struct gt_json *j, const struct gt_board *b, int64_t now)
{
	put_age(j, "loop_beat_age",
	        atomic_load_explicit(&b->loop_beat_us, memory_order_relaxed),
	        now);
	put_age(j, "gil_beat_age",
	        atomic_load_explicit(&b->gil_beat_us, memory_order_relaxed),
	        now);
	gt_json_uint(j, "connections", gt_count_get(&b->connections));
	gt_json_uint(j, "parked", gt_count_get(&b->parked));
	gt_json_uint(j, "queued", gt_count_get(&b->queued));
	gt_json_uint(j, "accepted", gt_count_get(&b->accepted));
	gt_json_uint(j, "requests", gt_count_get(&b->requests));
	gt_json_uint(j, "unanswered", gt_count_get(&b->unanswered));
	gt_json_uint(j, "log_dropped", gt_count_get(&b->log_dropped));
	gt_json_key(j, "threads");
	gt_json_open(j, '[');
	for (unsigned i = 0; i < gt_board_threads(b); i++)
		put_thread(j, b, i, now);
	gt_json_close(j, ']');
}

static void
put_worker(struct gt_json *j, const struct gt_proc *p, int64_t now)
{
	static const char *const names[] = {
	    [GT_PROC_BOOTING] = "booting",
	    [GT_PROC_SERVING] = "serving",
	    [GT_PROC_DRAINING] = "draining",
	};

	gt_json_open(j, '{');
	gt_json_int(j, "pid", p->pid);
	gt_json_uint(j, "age", p->age);
	gt_json_uint(j, "generation", p->gen->number);
	gt_json_text(j, "state", names[p->state]);
	put_age(j, "uptime", p->spawned_us, now);
	if (p->ready_us == 0)
		gt_json_null(j, "boot_seconds");
	else
		gt_json_seconds(j, "boot_seconds", p->ready_us - p->spawned_us);
	gt_json_uint(j, "rss", gt_os_rss(p->pid));
	put_board(j, p->board, now);
	gt_json_close(j, '}');
}

static void
put_workers(struct gt_json *j, const struct gt_arbiter *a, int64_t now)
{
	struct gt_tally tally = a->control.dead;
	const struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		gt_tally_add(&tally, p->board);

	gt_json_uint(j, "requests", tally.requests);
	gt_json_uint(j, "workers_wanted", a->target);
	gt_json_uint(j, "workers_started", a->age);
	gt_json_uint(j, "hook_failures", a->hook_failures);
	gt_json_key(j, "workers");
	gt_json_open(j, '[');
	TAILQ_FOREACH (p, &a->procs, link)
		put_worker(j, p, now);
	gt_json_close(j, ']');
}

static void
put_ends(struct gt_json *j, const struct gt_arbiter *a)
{
	gt_json_key(j, "ended");
	gt_json_open(j, '{');
	for (size_t i = 0; i < GT_END_COUNT; i++)
		gt_json_uint(j, gt_end_labels[i], a->control.ends[i]);
	gt_json_close(j, '}');
}

static void
put_reload(struct gt_json *j, const struct gt_arbiter *a, int64_t now)
{
	static const char *const names[] = {
	    [GT_RELOAD_NONE] = "none",
	    [GT_RELOAD_READING] = "reading",
	    [GT_RELOAD_TRYING] = "trying",
	    [GT_RELOAD_ROLLING] = "rolling",
	};
	const struct gt_control *c = &a->control;

	gt_json_key(j, "reload");
	gt_json_open(j, '{');
	gt_json_text(j, "state", names[a->reload]);
	put_age(j, "last_age", c->reloaded_us, now);
	if (c->reloaded_us != 0) {
		gt_json_bool(j, "last_ok", c->reload_why[0] == '\0');
		gt_json_text(j, "last_error", c->reload_why);
	}
	gt_json_close(j, '}');
}

/* What the service manager calls a socket. */
static void
put_name(struct gt_json *j, const char *address, struct gt_str name)
{
	char text[256];

	if (name.n == 0)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	gt_json_text(j, address, text);
}

GT_ON_MASTER static void
put_listeners(struct gt_json *j, const struct gt_arbiter *a)
{
	const struct gt_listeners *ls = &a->gen->listeners;

	gt_json_key(j, "listeners");
	gt_json_open(j, '[');
	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].fd >= 0 && ls->v[i].slot <= 0)
			gt_json_text(j, NULL, ls->v[i].text);
	gt_json_close(j, ']');
	gt_json_key(j, "listener_names");
	gt_json_open(j, '{');
	for (size_t i = 0; i < ls->n; i++)
		put_name(j, ls->v[i].text, gt_sockets_name(a, &ls->v[i]));
	gt_json_close(j, '}');
}

static void
put_setting(void *arg, const char *name, const char *value, const char *origin)
{
	struct gt_json *j = arg;

	gt_json_open(j, '{');
	gt_json_text(j, "name", name);
	gt_json_text(j, "value", value);
	gt_json_text(j, "origin", origin);
	gt_json_close(j, '}');
}

static void
put_settings(struct gt_json *j, const struct gt_arbiter *a)
{
	const struct gt_config *c =
	    a->gen->config != NULL ? a->gen->config : a->config;

	gt_json_key(j, "settings");
	gt_json_open(j, '[');
	if (c != NULL)
		gt_config_each(c, put_setting, j);
	gt_json_close(j, ']');
}

enum gt_err
gt_control_status(const struct gt_arbiter *a, struct gt_buf *out)
{
	static const char *const names[] = {
	    [GT_ARBITER_RUNNING] = "running",
	    [GT_ARBITER_GRACEFUL] = "stopping",
	    [GT_ARBITER_QUICK] = "stopping",
	};
	struct gt_json j = {.out = out};
	int64_t now = gt_clock_us();

	gt_json_open(&j, '{');
	gt_json_text(&j, "server", "gthreadd");
	gt_json_text(&j, "version", PACKAGE_VERSION);
	gt_json_text(&j, "name", gt_generation_name(a->gen));
	gt_json_int(&j, "pid", getpid());
	put_age(&j, "uptime", a->control.started_us, now);
	gt_json_text(&j, "state", names[a->state]);
	gt_json_uint(&j, "generation", a->gen->number);
	put_reload(&j, a, now);
	put_listeners(&j, a);
	put_workers(&j, a, now);
	put_ends(&j, a);
	put_settings(&j, a);
	gt_json_close(&j, '}');
	return j.err;
}
