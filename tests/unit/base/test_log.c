/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/log.h"

static char got[8192];
static size_t got_len;

static void
collect(void *arg, const char *line, size_t n)
{
	(void)arg;
	memcpy(got + got_len, line, n);
	got_len += n;
	got[got_len] = '\0';
}

static int
start(void **state)
{
	(void)state;
	got_len = 0;
	got[0] = '\0';
	gt_log_set_level(GT_LOG_INFO);
	gt_log_set_sink(collect, NULL);
	return 0;
}

static void
a_line_looks_like_gunicorns(void **state)
{
	char want[64];

	(void)state;
	gt_log_info("worker ready threads=%d", 4);
	snprintf(want, sizeof(want), "] [%d] [INFO] worker ready threads=4\n",
	         (int)getpid());
	assert_int_equal(got[0], '[');
	assert_non_null(strstr(got, want));
}

/* The line that is written to a new terminal; nothing else is. */
static void
write_to_terminal(char *text, size_t size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), tty;
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	tty = open(ptsname(fd), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	gt_log_set_sink(NULL, NULL);
	gt_log_set_fd(tty);
	gt_log_warning("beware");
	n = read(fd, text, size - 1);
	assert_true(n > 0);
	text[n] = '\0';
	gt_log_set_fd(STDERR_FILENO);
	close(tty);
	close(fd);
}

static void
levels_have_colors_on_a_terminal_unless_forbidden(void **state)
{
	char text[256];

	(void)state;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	write_to_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "] \033[33m[WARNING]\033[0m beware"));
	setenv("NO_COLOR", "", 1);
	write_to_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "\033[33m"));
	setenv("NO_COLOR", "1", 1);
	write_to_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "] [WARNING] beware"));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	write_to_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "] [WARNING] beware"));
	setenv("TERM", "xterm", 1);
	gt_log_set_tee(collect, NULL); /* as syslog is one */
	gt_log_set_tee(NULL, NULL);
	write_to_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "] [WARNING] beware"));
}

static void
levels_below_the_least_are_silent(void **state)
{
	(void)state;
	gt_log_debug("nothing");
	assert_int_equal(got_len, 0);
	gt_log_set_level(GT_LOG_DEBUG);
	gt_log_debug("something");
	assert_non_null(strstr(got, "[DEBUG] something"));
}

static void
a_message_is_always_one_line(void **state)
{
	(void)state;
	gt_log_error("a\nb\x1b[31m\x7f");
	assert_non_null(strstr(got, "a\\x0ab\\x1b[31m\\x7f\n"));
	assert_ptr_equal(strchr(got, '\n'), got + got_len - 1);
}

static void
long_messages_are_cut(void **state)
{
	char text[6000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gt_log_error("%s", text);
	assert_true(got_len < 5000);
	assert_int_equal(got[got_len - 1], '\n');
}

static void
errno_survives(void **state)
{
	(void)state;
	errno = ENOENT;
	gt_log_info("x");
	assert_int_equal(errno, ENOENT);
}

/* The master's log: nobody reads its pipe, and then somebody does. */
static void
what_a_full_pipe_does_not_take_is_dropped_and_told(void **state)
{
	static char buf[128 * 1024];
	int fd[2], lines = 2000;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	gt_log_set_fd(fd[1]);
	for (int i = 0; i < lines; i++)
		gt_log_warning("line with some text, number %d", i);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0)
		;
	gt_log_warning("after it");
	gt_log_set_fd(STDERR_FILENO);
	n = read(fd[0], buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "[WARNING] log lines dropped: "));
	assert_non_null(strstr(buf, "[WARNING] after it\n"));
	close(fd[0]);
	close(fd[1]);
}

static char teed[200];

static void
take_tee(void *arg, const char *line, size_t n)
{
	assert_ptr_equal(arg, teed);
	snprintf(teed, sizeof(teed), "%.*s", (int)n, line);
}

static void
a_tee_gets_what_the_descriptor_gets(void **state)
{
	char buf[200] = "";
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	gt_log_set_fd(fd[1]);
	gt_log_set_tee(take_tee, teed);
	gt_log_error("both");
	gt_log_set_tee(NULL, NULL);
	gt_log_set_fd(STDERR_FILENO);
	assert_true(read(fd[0], buf, sizeof(buf) - 1) > 0);
	assert_string_equal(buf, teed);
	assert_non_null(strstr(buf, "[ERROR] both\n"));
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* first: a tee ends colors for good */
	    cmocka_unit_test_setup(
	        levels_have_colors_on_a_terminal_unless_forbidden, start),
	    cmocka_unit_test(
	        what_a_full_pipe_does_not_take_is_dropped_and_told),
	    cmocka_unit_test(a_tee_gets_what_the_descriptor_gets),
	    cmocka_unit_test_setup(a_line_looks_like_gunicorns, start),
	    cmocka_unit_test_setup(levels_below_the_least_are_silent, start),
	    cmocka_unit_test_setup(a_message_is_always_one_line, start),
	    cmocka_unit_test_setup(long_messages_are_cut, start),
	    cmocka_unit_test_setup(errno_survives, start),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
