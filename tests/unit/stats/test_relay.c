/* SPDX-License-Identifier: MIT */
/* What goes to syslog and statsd, how it is gathered, what is lost. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/stats/relay.h"

static char none[] = "";
static char address[2][32]; /* of syslog, of statsd */
static int fd[2];
static struct gt_settings settings;
static struct gt_relay *relay;
static char heard[8192];

enum { SYSLOG, STATSD };

static int
open_receiver(int i)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd[i] < 0 || bind(fd[i], (void *)&in, sizeof(in)) < 0 ||
	    getsockname(fd[i], (void *)&in, &len) < 0)
		return -1;
	snprintf(address[i], sizeof(address[i]), "udp://127.0.0.1:%d",
	         ntohs(in.sin_port));
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	settings = (struct gt_settings){.log_syslog_to = none,
	                                .log_syslog_prefix = none,
	                                .statsd_host = none,
	                                .statsd_prefix = none};
	return open_receiver(SYSLOG) + open_receiver(STATSD);
}

static int
tear_down(void **state)
{
	(void)state;
	gt_relay_destroy(relay);
	relay = NULL;
	close(fd[SYSLOG]);
	close(fd[STATSD]);
	return 0;
}

static void
create(void)
{
	struct gt_relay_targets to;
	char why[200];

	assert_int_equal(gt_relay_resolve(&settings, &to, why, sizeof(why)),
	                 GT_OK);
	assert_int_equal(gt_relay_create(&settings, &to, "shop", &relay),
	                 GT_OK);
}

static void
create_both(void)
{
	settings.log_syslog = true;
	settings.log_syslog_facility = 1; /* user */
	settings.log_syslog_to = address[SYSLOG];
	settings.statsd_host = address[STATSD];
	create();
	assert_non_null(relay);
}

/* All that has arrived, a datagram a line. */
static const char *
hear(int i)
{
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(heard) - 2 &&
	       (got = recv(fd[i], heard + n, sizeof(heard) - 2 - n, 0)) >= 0) {
		n += (size_t)got;
		heard[n++] = '\n';
	}
	heard[n] = '\0';
	return heard;
}

static void
log_lines(enum gt_log_kind kind, const char *text)
{
	gt_relay_lines(relay, kind, text, strlen(text), gt_clock_us());
}

static void
with_nobody_to_tell_there_is_none(void **state)
{
	(void)state;
	create();
	assert_null(relay);
	assert_false(gt_relay_has_metrics(relay));
	settings.log_syslog_to = address[SYSLOG]; /* but log-syslog is off */
	create();
	assert_null(relay);
}

static void
an_address_that_cannot_be_found_is_told_by_its_setting(void **state)
{
	char where[] = "udp://no-such-host.invalid";
	struct gt_relay_targets to;
	char why[200];

	(void)state;
	settings.log_syslog = true;
	settings.log_syslog_to = where;
	assert_int_not_equal(gt_relay_resolve(&settings, &to, why, sizeof(why)),
	                     GT_OK);
	assert_memory_equal(why, "log-syslog-to 'udp://no-such-host", 33);
	settings.log_syslog = false;
	settings.statsd_host = where;
	assert_int_not_equal(gt_relay_resolve(&settings, &to, why, sizeof(why)),
	                     GT_OK);
	assert_memory_equal(why, "statsd-host 'udp://no-such-host", 31);
}

static void
requests_are_gathered_until_the_flush(void **state)
{
	int64_t now = gt_clock_us();

	(void)state;
	create_both();
	assert_true(gt_relay_has_metrics(relay));
	gt_relay_request(relay, 200, 1500, now);
	gt_relay_request(relay, 200, -1, now); /* the clock was set */
	gt_relay_request(relay, 404, 2000, now);
	gt_relay_request(relay, 4040, 0, now); /* no status of HTTP */
	assert_string_equal(hear(STATSD), "");
	assert_int_equal(gt_relay_flush(relay, now), 0);
	assert_string_equal(hear(STATSD),
	                    "gunicorn.request.duration:1.500|ms\n"
	                    "gunicorn.request.duration:0.000|ms\n"
	                    "gunicorn.request.duration:2.000|ms\n"
	                    "gunicorn.request.duration:0.000|ms\n"
	                    "gunicorn.requests:4|c|@1.0\n"
	                    "gunicorn.request.status.200:2|c|@1.0\n"
	                    "gunicorn.request.status.404:1|c|@1.0\n");
	assert_int_equal(gt_relay_flush(relay, now), 0);
	assert_string_equal(hear(STATSD), "");
}

static void
lines_of_the_error_log_are_counted_by_level(void **state)
{
	(void)state;
	create_both();
	log_lines(GT_LOG_KIND_ERROR,
	          "[2026-11-21 21:00:00 +0000] [7] [WARNING] a\n"
	          "[2026-11-21 21:00:00 +0000] [7] [WARNING] b\n"
	          "[2026-11-21 21:00:00 +0000] [7] [INFO] c\n"
	          "[2026-11-21 21:00:00 +0000] [7] [ERROR] d\n"
	          "Traceback (most recent call last):\n"
	          "  File \"x.py\", line 1\n"
	          "[2026-11-21 21:00:00 +0000] [7] [CRITICAL] e\n");
	gt_relay_flush(relay, gt_clock_us());
	assert_string_equal(hear(STATSD), "gunicorn.log.warning:2|c|@1.0\n"
	                                  "gunicorn.log.error:1|c|@1.0\n"
	                                  "gunicorn.log.critical:1|c|@1.0\n"
	                                  "gunicorn.log.exception:1|c|@1.0\n");
}

static bool
syslog_heard(const char *severity, const char *text)
{
	char *p = heard, *end;
	bool found = false;

	for (; (end = strchr(p, '\n')) != NULL && !found; p = end + 1) {
		*end = '\0';
		found = strncmp(p, severity, strlen(severity)) == 0 &&
		        strstr(p, text) != NULL;
		*end = '\n';
	}
	return found;
}

static void
syslog_has_each_line_with_its_severity_alone(void **state)
{
	(void)state;
	create_both();
	log_lines(GT_LOG_KIND_ERROR,
	          "[2026-11-21 21:00:00 +0000] [7] [WARNING] a\n\n"
	          "Traceback (most recent call last):\n");
	log_lines(GT_LOG_KIND_ACCESS, "GET / 200\n");
	hear(SYSLOG);
	assert_true(syslog_heard("<12>1 ", "gunicorn.shop.error"));
	assert_true(syslog_heard("<12>1 ", "- - a"));
	assert_true(syslog_heard("<11>1 ", "- - Traceback"));
	assert_true(syslog_heard("<14>1 ", "gunicorn.shop.access"));
	assert_true(syslog_heard("<14>1 ", "- - GET / 200"));
	assert_null(strstr(heard, "[7]"));
}

static void
access_lines_stay_away_when_they_are_not_wanted(void **state)
{
	(void)state;
	settings.disable_redirect_access_to_syslog = true;
	create_both();
	assert_false(gt_relay_wants_access(&settings));
	log_lines(GT_LOG_KIND_ACCESS, "GET / 200\n");
	assert_string_equal(hear(SYSLOG), "");
}

static void
syslog_alone_has_no_metrics(void **state)
{
	int64_t now = gt_clock_us();

	(void)state;
	settings.log_syslog = true;
	settings.log_syslog_to = address[SYSLOG];
	create();
	assert_false(gt_relay_has_metrics(relay));
	gt_relay_request(relay, 200, 1, now);
	gt_relay_metric(relay, "workers", 2, GT_STATSD_GAUGE, now);
	assert_int_equal(gt_relay_flush(relay, now), 0);
	assert_string_equal(hear(SYSLOG), "");
}

static void
what_nobody_takes_is_counted(void **state)
{
	char nowhere[] = "unix:///nonexistent/log";

	(void)state;
	settings.log_syslog = true;
	settings.log_syslog_to = nowhere;
	create();
	assert_int_equal(gt_relay_lost(relay), 0);
	log_lines(GT_LOG_KIND_ERROR, "a\nb\n");
	(void)gt_relay_flush(relay, gt_clock_us());
	assert_int_equal(gt_relay_lost(relay), 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(with_nobody_to_tell_there_is_none),
	    T(an_address_that_cannot_be_found_is_told_by_its_setting),
	    T(requests_are_gathered_until_the_flush),
	    T(lines_of_the_error_log_are_counted_by_level),
	    T(syslog_has_each_line_with_its_severity_alone),
	    T(access_lines_stay_away_when_they_are_not_wanted),
	    T(syslog_alone_has_no_metrics),
	    T(what_nobody_takes_is_counted),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
