/* SPDX-License-Identifier: MIT */
/*
 * pthread behind annotations. pthread itself is not annotated, so the bodies
 * are out of the analysis.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/lock.h"

#define UNCHECKED GT_TSA(no_thread_safety_analysis)

void
gt_mutex_init(struct gt_mutex *m)
{
	pthread_mutex_init(&m->m, NULL);
}

void
gt_mutex_fini(struct gt_mutex *m)
{
	pthread_mutex_destroy(&m->m);
}

UNCHECKED void
gt_mutex_lock(struct gt_mutex *m)
{
	pthread_mutex_lock(&m->m);
	gt_check_locks_held(1);
}

UNCHECKED void
gt_mutex_unlock(struct gt_mutex *m)
{
	gt_check_locks_held(-1);
	pthread_mutex_unlock(&m->m);
}

void
gt_cond_init(struct gt_cond *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->c, &attr);
	pthread_condattr_destroy(&attr);
}

void
gt_cond_fini(struct gt_cond *c)
{
	pthread_cond_destroy(&c->c);
}

UNCHECKED void
gt_cond_wait(struct gt_cond *c, struct gt_mutex *m)
{
	pthread_cond_wait(&c->c, &m->m);
}

UNCHECKED bool
gt_cond_wait_until(struct gt_cond *c, struct gt_mutex *m, int64_t deadline_us)
{
	struct timespec ts = {.tv_sec = deadline_us / 1000000,
	                      .tv_nsec = deadline_us % 1000000 * 1000};

	return pthread_cond_timedwait(&c->c, &m->m, &ts) != ETIMEDOUT;
}

void
gt_cond_signal(struct gt_cond *c)
{
	pthread_cond_signal(&c->c);
}

void
gt_sem_init(struct gt_sem *s)
{
	sem_init(&s->s, 0, 0);
}

void
gt_sem_fini(struct gt_sem *s)
{
	sem_destroy(&s->s);
}

void
gt_sem_post(struct gt_sem *s)
{
	sem_post(&s->s);
}

void
gt_sem_wait(struct gt_sem *s)
{
	while (sem_wait(&s->s) < 0 && errno == EINTR)
		;
}

enum gt_err
gt_thread_create(struct gt_thread *t, const char *name, void *(*main)(void *),
                 void *arg)
{
	char cut[16];
	int err;

	if ((err = pthread_create(&t->id, NULL, main, arg)) != 0) {
		errno = err;
		return GT_SYS;
	}
	snprintf(cut, sizeof(cut), "%s", name);
	pthread_setname_np(t->id, cut);
	return GT_OK;
}

enum gt_err
gt_thread_at_fork(void (*child)(void))
{
	return pthread_atfork(NULL, NULL, child) == 0 ? GT_OK : GT_NOMEM;
}

void
gt_thread_join(struct gt_thread *t)
{
	pthread_join(t->id, NULL);
}
