/* SPDX-License-Identifier: MIT */
/*
 * What is asked of the control socket: the real server on a socket of the
 * test, over a master that only notes what it is told.
 */
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/ctl/ctl.h"

static char dir[] = "/tmp/gt-route-XXXXXX";
static char path[64];
static struct event_base *base;
static struct gt_ctl *ctl;
static char answer[65536];

/* What the master was told last. */
static struct gt_ctl_command told;
static char told_text[100];
static unsigned commands;
static bool is_healthy;

static enum gt_err
status(void *arg, struct gt_buf *out)
{
	(void)arg;
	return gt_buf_addf(out, "{\"is\":\"status\"}");
}

static enum gt_err
metrics(void *arg, struct gt_buf *out)
{
	(void)arg;
	(void)out;
	return GT_NOMEM;
}

static bool
health(void *arg, char *why, size_t n)
{
	(void)arg;
	snprintf(why, n, "no worker is ready");
	return is_healthy;
}

static void
command(void *arg, const struct gt_ctl_command *cmd, struct gt_ctl_call *call)
{
	(void)arg;
	told = *cmd;
	snprintf(told_text, sizeof(told_text), "%s", cmd->text);
	commands++;
	gt_ctl_answer(call, 202, "verb %d", (int)cmd->verb);
}

static const struct gt_ctl_ops ops = {
    .status = status, .metrics = metrics, .health = health, .command = command};

static int
set_up(void **state)
{
	const struct gt_ctl_options opt = {
	    .path = path, .mode = 0600, .ops = &ops};
	char why[200];

	(void)state;
	if (mkdtemp(dir) == NULL || (base = event_base_new()) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	return gt_ctl_create(base, &opt, why, sizeof(why), &ctl) == GT_OK ? 0
	                                                                  : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	gt_ctl_destroy(ctl);
	event_base_free(base);
	return rmdir(dir);
}

static int
connect_to_it(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (void *)&un, sizeof(un)), 0);
	return fd;
}

/* The status of the answer to a request, which is in answer. */
static int
ask_with(const char *method, const char *target, const char *fields)
{
	int64_t until = gt_clock_us() + 10000000;
	char text[600];
	size_t n = 0;
	ssize_t got = -1;
	int fd = connect_to_it(), code = 0;

	commands = 0;
	told = (struct gt_ctl_command){0};
	snprintf(text, sizeof(text),
	         "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", method,
	         target, fields);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	while (got != 0 && gt_clock_us() < until) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1);
		got = read(fd, answer + n, sizeof(answer) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	answer[n] = '\0';
	close(fd);
	assert_int_equal(got, 0);
	assert_int_equal(sscanf(answer, "HTTP/1.1 %d", &code), 1);
	return code;
}

static int
ask(const char *method, const char *target)
{
	return ask_with(method, target, "Host: localhost\r\n");
}

static void
assert_answer(const char *text)
{
	if (strstr(answer, text) == NULL)
		fail_msg("no '%s' in: %s", text, answer);
}

/* The master is told once, and its answer is what the client gets. */
static void
assert_told(const char *method, const char *target, enum gt_ctl_verb verb)
{
	char text[20];

	assert_int_equal(ask(method, target), 202);
	assert_int_equal(commands, 1);
	assert_int_equal(told.verb, verb);
	assert_int_equal(told.peer_uid, geteuid());
	assert_int_equal(told.peer_pid, getpid());
	snprintf(text, sizeof(text), "verb %d", (int)verb);
	assert_answer(text);
}

static void
each_command_has_its_path(void **state)
{
	(void)state;
	assert_told("GET", "/stacks", GT_CTL_STACKS);
	assert_told("POST", "/reload", GT_CTL_RELOAD);
	assert_told("POST", "/reopen", GT_CTL_REOPEN);
	assert_told("POST", "/upgrade", GT_CTL_UPGRADE);
	assert_told("POST", "/stop", GT_CTL_STOP);
	assert_told("POST", "/quit", GT_CTL_QUIT);
	assert_string_equal(told_text, "");
}

static void
parameters_come_from_path_and_query(void **state)
{
	(void)state;
	assert_told("POST", "/workers/4711/recycle", GT_CTL_RECYCLE);
	assert_int_equal(told.number, 4711);
	assert_told("POST", "/workers?n=0", GT_CTL_WORKERS);
	assert_int_equal(told.number, 0);
	assert_told("POST", "/workers?x=1&n=1024", GT_CTL_WORKERS);
	assert_int_equal(told.number, 1024);
	assert_told("POST", "/log-level?level=de%62ug", GT_CTL_LOG_LEVEL);
	assert_string_equal(told_text, "debug");
}

static void
wrong_parameters_are_refused_before_the_master_hears(void **state)
{
	static const char *const wrong[] = {
	    "/workers?n=1025",
	    "/workers?n=-1",
	    "/workers?n=",
	    "/workers?n=1x",
	    "/workers?n=18446744073709551617",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(ask("POST", wrong[i]), 400);
		assert_answer("n is a number from 0 to 1024");
		assert_int_equal(commands, 0);
	}
	assert_int_equal(ask("POST", "/workers"), 400);
	assert_answer("parameter n is missing");
	assert_int_equal(ask("POST", "/log-level?n=debug"), 400);
	assert_answer("parameter level is missing");
	assert_int_equal(commands, 0);
}

static void
what_is_shown_is_got(void **state)
{
	(void)state;
	assert_int_equal(ask("GET", "/status"), 200);
	assert_answer("application/json");
	assert_answer("{\"is\":\"status\"}");
	assert_int_equal(ask("HEAD", "/status"), 200);
	assert_answer("Content-Length: 15\r\n");
	assert_null(strstr(answer, "{"));
	assert_int_equal(ask("GET", "/metrics"), 500);
	assert_answer("out of memory");
	assert_int_equal(ask("GET", "/"), 200);
	assert_answer("Content-Security-Policy: ");
	is_healthy = false;
	assert_int_equal(ask("GET", "/healthz"), 503);
	assert_answer("no worker is ready");
	is_healthy = true;
	assert_int_equal(ask("GET", "/healthz"), 200);
	assert_answer("\"ok\"");
}

static void
other_paths_are_404_and_other_methods_405(void **state)
{
	static const char *const none[] = {
	    "/none",           "/reload/",           "/reload/x",
	    "//reload",        "/workers/x/recycle", "/workers//recycle",
	    "/workers/1/",     "/workers/1",         "/workers/-1/recycle",
	    "/workers/1/quit",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (ask("POST", none[i]) != 404)
			fail_msg("%s: %s", none[i], answer);
	assert_int_equal(ask("GET", "/reload"), 405);
	assert_int_equal(ask("HEAD", "/stop"), 405);
	assert_int_equal(ask("POST", "/status"), 405);
	assert_int_equal(ask("PUT", "/workers?n=1"), 501); /* libevent's */
	assert_int_equal(commands, 0);
}

static void
pages_of_other_hosts_are_refused(void **state)
{
	static const char *const foreign[] = {
	    "Host: example.net\r\n",   "Host: localhost.example.net\r\n",
	    "Host: 1.example.net\r\n", "Host: 127.0.0.1.example.net:80\r\n",
	    "Host: 0x7f.net\r\n",
	};
	static const char *const own[] = {
	    "",
	    "Host: \r\n",
	    "Host: localhost\r\n",
	    "Host: localhost:8000\r\n",
	    "Host: 127.0.0.1\r\n",
	    "Host: 127.0.0.1:80\r\n",
	    "Host: [::1]:80\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (ask_with("GET", "/status", foreign[i]) != 403)
			fail_msg("%s is served", foreign[i]);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (ask_with("GET", "/status", own[i]) != 200)
			fail_msg("%s is not served", own[i]);
	/* No page of any host does anything. */
	assert_int_equal(ask_with("POST", "/stop",
	                          "Host: localhost\r\n"
	                          "Origin: http://localhost\r\n"),
	                 403);
	assert_int_equal(commands, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_command_has_its_path),
	    cmocka_unit_test(parameters_come_from_path_and_query),
	    cmocka_unit_test(
	        wrong_parameters_are_refused_before_the_master_hears),
	    cmocka_unit_test(what_is_shown_is_got),
	    cmocka_unit_test(other_paths_are_404_and_other_methods_405),
	    cmocka_unit_test(pages_of_other_hosts_are_refused),
	};

	gt_log_set_level(GT_LOG_CRITICAL);
	gt_role_set(GT_ROLE_MASTER);
	return cmocka_run_group_tests_name("route", tests, set_up, tear_down);
}
