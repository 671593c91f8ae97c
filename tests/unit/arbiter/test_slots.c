/* SPDX-License-Identifier: MIT */
/*
 * Who gets which slot, and in which order workers go. The master is only its
 * list of workers, each a channel and no process: what they are told is read
 * at the other end.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/log.h"

#include "../../../src/arbiter/arbiter_priv.h"

#define PROCS_MAX 8
#define NOBODY    0

static struct gt_settings settings;
static struct gt_arbiter a;
static struct gt_generation old, new, trial;
static struct gt_listener sockets[100];
static struct gt_proc proc[PROCS_MAX];
static int told[PROCS_MAX]; /* the workers' ends */
static size_t nprocs;

static struct gt_generation
generation(unsigned number)
{
	return (struct gt_generation){
	    .arbiter = &a, .number = number, .refs = 1, .settings = &settings};
}

static int
set_up(void **state)
{
	(void)state;
	gt_assert_master();
	memset(&settings, 0, sizeof(settings));
	settings.timeout_ms = settings.boot_timeout_ms = 30000;
	settings.graceful_timeout_ms = 10000;
	settings.reload_surge = 1;
	/* None is forked: the tests add them. */
	a = (struct gt_arbiter){
	    .was_complete = true, .was_ready = true, .spawn_at_us = INT64_MAX};
	TAILQ_INIT(&a.procs);
	TAILQ_INIT(&a.unborn);
	TAILQ_INIT(&a.generations);
	old = generation(1);
	new = generation(2);
	trial = generation(3);
	a.gen = &new;
	nprocs = 0;
	if ((a.base = event_base_new()) == NULL)
		return -1;
	return gt_watch_init(&a) == GT_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	gt_assert_master();
	gt_watch_fini(&a);
	event_base_free(a.base);
	for (size_t i = 0; i < nprocs; i++) {
		close(proc[i].channel_fd);
		close(told[i]);
	}
	return 0;
}

/* A worker; the first is the oldest. */
static struct gt_proc *
add(struct gt_generation *g, enum gt_proc_state s, unsigned slot)
{
	struct gt_proc *p = &proc[nprocs];
	int fd[2];

	assert_true(nprocs < PROCS_MAX);
	assert_int_equal(gt_channel_pair(fd), GT_OK);
	*p = (struct gt_proc){.gen = g,
	                      .state = s,
	                      .slot = slot,
	                      .age = (unsigned)nprocs + 1,
	                      .channel_fd = fd[0],
	                      .board_fd = -1};
	told[nprocs++] = fd[1];
	TAILQ_INSERT_TAIL(&a.procs, p, link);
	return p;
}

static struct gt_proc *
serving(struct gt_generation *g, unsigned slot)
{
	return add(g, GT_PROC_SERVING, slot);
}

static bool
drains(const struct gt_proc *p)
{
	return p->state == GT_PROC_DRAINING;
}

/* One step: the age of the one worker that was told to end in it. */
GT_ON_MASTER static unsigned
goes(void)
{
	bool before[PROCS_MAX];
	unsigned found = NOBODY;

	for (size_t i = 0; i < nprocs; i++)
		before[i] = drains(&proc[i]);
	gt_road_step(&a);
	for (size_t i = 0; i < nprocs; i++)
		if (drains(&proc[i]) && !before[i]) {
			assert_int_equal(found, NOBODY);
			found = proc[i].age;
		}
	return found;
}

/* The value of the next message to p, which is of that type. */
static uint64_t
hear(const struct gt_proc *p, enum gt_channel_type type)
{
	struct gt_channel_msg msg;

	assert_int_equal(gt_channel_recv(told[p - proc], &msg), GT_OK);
	assert_int_equal(msg.type, type);
	return msg.value;
}

static bool
heard_nothing(const struct gt_proc *p)
{
	struct gt_channel_msg msg;

	return gt_channel_recv(told[p - proc], &msg) == GT_AGAIN;
}

/* ---- slots ---- */

static void
slot_of_one_that_is_to_go_is_free(void **state)
{
	struct gt_proc unborn = {.gen = &new, .slot = 2};
	struct gt_proc *tired;

	(void)state;
	gt_assert_master();
	assert_int_equal(gt_slots_free(&a, &new), 0);
	serving(&new, 0);
	tired = serving(&new, 1);
	serving(&old, 3);
	TAILQ_INSERT_TAIL(&a.unborn, &unborn, link);
	assert_int_equal(gt_slots_free(&a, &new), 3);
	assert_int_equal(gt_slots_free(&a, &old), 0);
	assert_int_equal(gt_slots_free(&a, &trial), 0);
	tired->is_tired = true;
	assert_int_equal(gt_slots_free(&a, &new), 1);
	proc[0].state = GT_PROC_DRAINING;
	assert_int_equal(gt_slots_free(&a, &new), 0);
}

static void
first_slot_without_a_serving_worker_is_told_once(void **state)
{
	struct gt_proc *first, *second, *leaving;

	(void)state;
	gt_assert_master();
	settings.reuse_port = true;
	first = serving(&new, 0);
	second = add(&new, GT_PROC_BOOTING, 1);
	leaving = add(&new, GT_PROC_DRAINING, 2);
	gt_slots_tell(&a);
	assert_int_equal(hear(first, GT_CHANNEL_SLOTS), 1);
	assert_int_equal(hear(second, GT_CHANNEL_SLOTS), 1);
	gt_slots_tell(&a);
	second->state = GT_PROC_SERVING;
	gt_slots_tell(&a);
	assert_int_equal(hear(first, GT_CHANNEL_SLOTS), 2);
	assert_true(heard_nothing(first));
	assert_true(heard_nothing(leaving));
	/* One of another generation has other sockets. */
	first->gen = &old;
	gt_slots_tell(&a);
	assert_int_equal(hear(second, GT_CHANNEL_SLOTS), 2);
	assert_int_equal(hear(second, GT_CHANNEL_SLOTS), 0);
}

static void
without_reuse_port_nobody_is_told_of_slots(void **state)
{
	struct gt_proc *p;

	(void)state;
	gt_assert_master();
	p = serving(&new, 0);
	gt_slots_tell(&a);
	assert_true(heard_nothing(p));
}

/* ---- who goes ---- */

static void
nobody_goes_before_a_successor_serves(void **state)
{
	struct gt_proc *successor;

	(void)state;
	gt_assert_master();
	a.target = 2;
	serving(&old, 0);
	serving(&old, 1);
	successor = add(&new, GT_PROC_BOOTING, 0);
	assert_int_equal(goes(), NOBODY);
	successor->state = GT_PROC_SERVING;
	successor = add(&new, GT_PROC_BOOTING, 1);
	assert_int_equal(goes(), 1);
	assert_int_equal(goes(), NOBODY);
	successor->state = GT_PROC_SERVING;
	assert_int_equal(goes(), 2);
	assert_int_equal(goes(), NOBODY);
}

static void
the_oldest_goes_but_the_stale_before_the_fresh(void **state)
{
	(void)state;
	gt_assert_master();
	a.target = 3;
	serving(&new, 0);
	serving(&new, 1);
	serving(&old, 0);
	serving(&new, 2)->is_tired = true;
	serving(&old, 1);
	a.target = 4;
	assert_int_equal(goes(), 3);
	a.target = 3;
	assert_int_equal(goes(), 4);
	a.target = 2;
	assert_int_equal(goes(), 5);
	a.target = 1;
	assert_int_equal(goes(), 1);
}

static void
with_reuse_port_one_whose_slot_has_a_successor_goes_first(void **state)
{
	(void)state;
	gt_assert_master();
	settings.reuse_port = true;
	serving(&old, 0);
	serving(&old, 1);
	serving(&old, 2);
	serving(&new, 1);
	a.target = 3;
	assert_int_equal(goes(), 2);
	/* Without one it is the highest: others accept from its sockets. */
	a.target = 2;
	assert_int_equal(goes(), 3);
	a.target = 1;
	assert_int_equal(goes(), 1);
}

static void
the_canary_is_not_counted(void **state)
{
	(void)state;
	gt_assert_master();
	a.next = &trial;
	a.target = 1;
	serving(&new, 0);
	serving(&trial, 0);
	assert_int_equal(goes(), NOBODY);
}

/* There is nothing that it would have to finish. */
static void
a_stale_one_that_boots_is_ended_at_once(void **state)
{
	struct gt_proc *p;
	int status;

	(void)state;
	gt_assert_master();
	a.target = 1;
	serving(&new, 0);
	p = add(&old, GT_PROC_BOOTING, 0);
	if ((p->pid = fork()) == 0) {
		signal(SIGTERM, SIG_DFL);
		alarm(10);
		for (;;)
			pause();
	}
	assert_int_equal(goes(), 2);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_true(heard_nothing(p));
}

/* ---- whose queue it empties ---- */

/* n addresses, each with so many slots; the name tells the address. */
static struct gt_listeners
listen_at(unsigned addresses, unsigned slots)
{
	struct gt_listeners ls = {.v = sockets};

	for (unsigned i = 0; i < addresses * slots; i++) {
		struct gt_listener *l = &sockets[ls.n++];

		*l = (struct gt_listener){.fd = -1, .slot = (int)(i % slots)};
		snprintf(l->text, sizeof(l->text), "h:%u", i / slots);
	}
	return ls;
}

static void
an_address_that_was_given_up_is_told_by_its_bit(void **state)
{
	struct gt_proc *p;

	(void)state;
	gt_assert_master();
	settings.reuse_port = true;
	old.listeners = listen_at(2, 50);
	new.listeners = (struct gt_listeners){.v = sockets, .n = 50};
	a.target = 1;
	p = serving(&old, 0);
	serving(&new, 0);
	assert_int_equal(goes(), 1);
	assert_int_equal(hear(p, GT_CHANNEL_DRAIN), 1 << 1);
}

static void
what_the_other_master_took_is_told_by_address(void **state)
{
	(void)state;
	gt_assert_master();
	gt_reexec_init(&a);
	a.upgrade.shared = listen_at(2, 50);
	assert_false(gt_reexec_shares(&a, &sockets[99]));
	a.upgrade.child = getpid();
	a.upgrade.adopted = 1 << 0;
	assert_true(gt_reexec_shares(&a, &sockets[0]));
	assert_true(gt_reexec_shares(&a, &sockets[49]));
	assert_false(gt_reexec_shares(&a, &sockets[50]));
	assert_false(gt_reexec_shares(&a, &sockets[99]));
	a.upgrade.adopted = 1 << 1;
	assert_false(gt_reexec_shares(&a, &sockets[49]));
	assert_true(gt_reexec_shares(&a, &sockets[99]));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(slot_of_one_that_is_to_go_is_free),
	    T(first_slot_without_a_serving_worker_is_told_once),
	    T(without_reuse_port_nobody_is_told_of_slots),
	    T(nobody_goes_before_a_successor_serves),
	    T(the_oldest_goes_but_the_stale_before_the_fresh),
	    T(with_reuse_port_one_whose_slot_has_a_successor_goes_first),
	    T(the_canary_is_not_counted),
	    T(a_stale_one_that_boots_is_ended_at_once),
	    T(an_address_that_was_given_up_is_told_by_its_bit),
	    T(what_the_other_master_took_is_told_by_address),
	};

	gt_log_set_level(GT_LOG_CRITICAL);
	gt_role_set(GT_ROLE_MASTER);
	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
