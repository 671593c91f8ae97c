/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/stats/board.h"
#include "harness.h"

struct gt_settings settings;
char test_dir[32];
char log_path[64];

static pid_t server;
static int pipe_fd[2] = {-1, -1};
static char empty[] = "";
static char app[] = "stub:app";
static char localhost[] = "127.0.0.1:0";
static char *binds[] = {localhost};

int
make_dir(void **state)
{
	(void)state;
	strcpy(test_dir, "/tmp/gt-arbiter-XXXXXX");
	if (mkdtemp(test_dir) == NULL)
		return -1;
	snprintf(log_path, sizeof(log_path), "%s/log", test_dir);
	return 0;
}

int
remove_dir(void **state)
{
	(void)state;
	return rmdir(test_dir);
}

int
reset(void **state)
{
	(void)state;
	unlink(log_path);
	memset(&settings, 0, sizeof(settings));
	settings.app = app;
	settings.paste = empty;
	settings.bind = (struct gt_strv){.v = binds, .n = 1};
	settings.pid = settings.user = settings.group = empty;
	settings.metrics_bind = settings.control_socket = empty;
	settings.name = settings.chdir = settings.access_logfile = empty;
	settings.statsd_host = settings.log_syslog_to = empty;
	settings.error_logfile = log_path;
	settings.log_level = 1;
	settings.backlog = 16;
	settings.umask = 022;
	settings.workers = 1;
	settings.threads = 2;
	settings.timeout_ms = 30000;
	settings.boot_timeout_ms = 30000;
	settings.graceful_timeout_ms = 10000;
	settings.reload_surge = 1;
	return pipe2(pipe_fd, O_CLOEXEC);
}

/* Wait for the server that is to end. false: it has not within seconds. */
static bool
wait_end(int seconds, int *status)
{
	int64_t deadline = gt_clock_us() + seconds * 1000000LL;

	while (waitpid(server, status, WNOHANG) == 0) {
		if (gt_clock_us() > deadline)
			return false;
		usleep(5000);
	}
	server = 0;
	return true;
}

/* What every test promises: on TERM it ends in time, and with 0. */
static bool
ends_well(void)
{
	int status = -1;

	kill(server, SIGTERM);
	if (!wait_end(9, &status)) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		server = 0;
	}
	return status == 0;
}

int
clean_up(void **state)
{
	bool is_well = server == 0 || ends_well();

	(void)state;
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return (unlink(log_path) == 0 || errno == ENOENT) && is_well ? 0 : -1;
}

static int
no_check(const struct gt_child *child)
{
	(void)child;
	return 99;
}

pid_t
start_server(int (*worker)(const struct gt_child *child))
{
	const struct gt_child_ops ops = {.worker = worker, .check = no_check};

	fflush(NULL);
	if ((server = fork()) == 0) {
		/* A test that is killed leaves no server behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(gt_arbiter_run(&settings, NULL, &ops));
	}
	assert_true(server > 0);
	return server;
}

int
end_of_server(int seconds)
{
	int status;

	if (!wait_end(seconds, &status))
		fail_msg("server has not ended within %ds", seconds);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void
tell(int number)
{
	assert_int_equal(kill(server, number), 0);
}

bool
server_runs(void)
{
	return waitpid(server, NULL, WNOHANG) == 0;
}

static bool
wait_report(int ms, struct report *out)
{
	struct pollfd p = {.fd = pipe_fd[0], .events = POLLIN};

	if (poll(&p, 1, ms) != 1)
		return false;
	assert_int_equal(read(pipe_fd[0], out, sizeof(*out)), sizeof(*out));
	return true;
}

struct report
next_report(int seconds)
{
	struct report r;

	if (!wait_report(seconds * 1000, &r))
		fail_msg("no report within %ds", seconds);
	return r;
}

unsigned
expect(const char *text)
{
	struct report r;

	do
		r = next_report(10);
	while (strcmp(r.text, "reopen 1") == 0);
	assert_string_equal(r.text, text);
	return r.age;
}

unsigned
count_reports(int ms)
{
	int64_t left, deadline = gt_clock_us() + ms * 1000LL;
	struct report r;
	unsigned n = 0;

	while ((left = deadline - gt_clock_us()) > 0)
		n += wait_report((int)(left / 1000) + 1, &r);
	return n;
}

static unsigned
count_in_log(const char *text)
{
	static char octets[65536];
	unsigned found = 0;
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, octets, sizeof(octets) - 1);
	close(fd);
	assert_true(n >= 0);
	octets[n] = '\0';
	for (const char *p = octets; (p = strstr(p, text)) != NULL; p++)
		found++;
	return found;
}

bool
log_has(const char *text)
{
	return count_in_log(text) > 0;
}

static void
wait_log(const char *text, uint64_t times)
{
	int64_t deadline = gt_clock_us() + 10000000;

	while (count_in_log(text) < times && gt_clock_us() < deadline)
		usleep(5000);
	assert_true(count_in_log(text) >= times);
}

void
expect_log(const char *text)
{
	wait_log(text, 1);
}

int
time_to_end(int number)
{
	int64_t began = gt_clock_us();

	tell(number);
	assert_int_equal(end_of_server(10), 0);
	return (int)((gt_clock_us() - began) / 1000);
}

void
start_serving(int (*worker)(const struct gt_child *child))
{
	start_server(worker);
	for (uint64_t i = 0; i < settings.workers; i++)
		expect("serving");
	/* A worker's report may come before the master has read its READY. */
	wait_log("is ready", settings.workers);
}

void
report(const struct gt_child *child, const char *text)
{
	struct report r = {.pid = getpid(), .age = child->age};

	snprintf(r.text, sizeof(r.text), "%s", text);
	if (write(pipe_fd[1], &r, sizeof(r)) != sizeof(r))
		_exit(90);
}

void
beat(struct gt_board *b)
{
	atomic_store(&b->loop_beat_us, gt_clock_us());
	atomic_store(&b->gil_beat_us, gt_clock_us());
}

struct gt_board *
say_ready(const struct gt_child *child)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};
	struct gt_board *b;

	if (gt_board_map(child->board_fd, true, &b) != GT_OK)
		_exit(91);
	beat(b);
	if (gt_channel_send(child->channel_fd, &msg) != GT_OK)
		_exit(92);
	return b;
}

/* Write into the logs that came, then report how many these were. */
static void
use_new_logs(const struct gt_child *child, const struct gt_channel_msg *msg)
{
	char text[32];

	for (size_t i = 0; i < msg->nfds; i++) {
		if (write(msg->fds[i], "through the worker\n", 19) != 19)
			_exit(93);
		close(msg->fds[i]);
	}
	snprintf(text, sizeof(text), "reopen %zu", msg->nfds);
	report(child, text);
}

int
serve(const struct gt_child *child)
{
	struct pollfd p = {.fd = child->channel_fd, .events = POLLIN};
	struct gt_board *b = say_ready(child);
	struct gt_channel_msg msg;
	enum gt_err rc = GT_AGAIN;

	report(child, "serving");
	while (rc != GT_EOF) {
		poll(&p, 1, 20);
		beat(b);
		rc = gt_channel_recv(child->channel_fd, &msg);
		if (rc == GT_OK && msg.type == GT_CHANNEL_REOPEN)
			use_new_logs(child, &msg);
		if (rc == GT_OK && msg.type == GT_CHANNEL_DRAIN) {
			report(child, "drain");
			break;
		}
	}
	gt_board_unmap(b);
	return 0;
}
