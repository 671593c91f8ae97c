/* SPDX-License-Identifier: MIT */
/*
 * Mutex, condition, semaphore and thread, annotated for clang. Order: the GIL
 * before any gt_mutex; never wait for the GIL with a gt_mutex held; signal
 * after unlock; no system call that may block under a gt_mutex.
 */
#ifndef GTHREADD_BASE_LOCK_H
#define GTHREADD_BASE_LOCK_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

struct GT_TSA(capability("mutex")) gt_mutex {
	pthread_mutex_t m;
};

/* Waits on CLOCK_MONOTONIC. */
struct gt_cond {
	pthread_cond_t c;
};

/*
 * What one thread waits for without a mutex: glibc's condition takes its mutex
 * back as if others waited for it, which costs a system call at each unlock.
 */
struct gt_sem {
	sem_t s;
};

struct gt_thread {
	pthread_t id;
};

void gt_mutex_init(struct gt_mutex *m);
void gt_mutex_fini(struct gt_mutex *m);
void gt_mutex_lock(struct gt_mutex *m) GT_TSA(acquire_capability(m));
void gt_mutex_unlock(struct gt_mutex *m) GT_TSA(release_capability(m));

void gt_cond_init(struct gt_cond *c);
void gt_cond_fini(struct gt_cond *c);
void gt_cond_wait(struct gt_cond *c, struct gt_mutex *m) GT_REQUIRES(m);
/* false: deadline_us (gt_clock_us) has passed. */
bool gt_cond_wait_until(struct gt_cond *c, struct gt_mutex *m,
                        int64_t deadline_us) GT_REQUIRES(m);
void gt_cond_signal(struct gt_cond *c);

void gt_sem_init(struct gt_sem *s);
void gt_sem_fini(struct gt_sem *s);
void gt_sem_post(struct gt_sem *s);
/* Wait for one post, and take it. */
void gt_sem_wait(struct gt_sem *s);

/*
 * Start a thread named name (15 octets at most are kept) with the signal mask
 * of its creator: an app's child processes inherit it, so nothing is blocked.
 * Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_thread_create(struct gt_thread *t,
                                           const char *name,
                                           void *(*main)(void *), void *arg);
/*
 * child runs in every process that this one forks from now on, before anything
 * else does; only what is async-signal-safe. Errors: GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_thread_at_fork(void (*child)(void));
void gt_thread_join(struct gt_thread *t) GT_NO_GIL;

#endif
