/* SPDX-License-Identifier: MIT */
/*
 * A server of our own in a child process, with stub workers that report what
 * they see through a pipe.
 */
#ifndef GTHREADD_TESTS_ARBITER_HARNESS_H
#define GTHREADD_TESTS_ARBITER_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gthreadd/arbiter/arbiter.h"

struct report {
	pid_t pid;
	unsigned age;
	char text[500];
};

/* Settings of the server to come: reset before each test. */
extern struct gt_settings settings;
extern char test_dir[32];
extern char log_path[64];

/* Group and per-test fixtures. */
int make_dir(void **state);
int remove_dir(void **state);
int reset(void **state);
/* A server that still runs must end on TERM, in time and with 0. */
int clean_up(void **state);

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, reset, clean_up)

/* Run the server with this worker in a child process. */
pid_t start_server(int (*worker)(const struct gt_child *child));
/* The same, and wait until as many as there shall be serve. */
void start_serving(int (*worker)(const struct gt_child *child));
/* Send it a signal. */
void tell(int number);
bool server_runs(void);
/* Its exit code; fails the test when it has not ended within seconds. */
int end_of_server(int seconds);
/* The next report; fails the test when none comes within seconds. */
struct report next_report(int seconds);
/*
 * The next report says text; age of who sent it. A canary is given its logs
 * when it is ready: no matter when.
 */
unsigned expect(const char *text);
/* How many reports there are within ms. */
unsigned count_reports(int ms);
bool log_has(const char *text);
/* Send it a signal; ms until it has ended with 0. */
int time_to_end(int number);
/* Wait for it. */
void expect_log(const char *text);

/* For stub workers. */
void report(const struct gt_child *child, const char *text);
/* Tell the master that we serve; the board is mapped. */
struct gt_board *say_ready(const struct gt_child *child);
void beat(struct gt_board *b);
/* A good worker: ready, beats, reports reopened logs, ends with the master. */
int serve(const struct gt_child *child);

#endif
