/* SPDX-License-Identifier: MIT */
/* Lines of the logs as syslog messages and statsd metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/stats/relay.h"

#define WHEN (INT64_C(784111777) * 1000000 + 42)

static void
check_line(const char *text, enum gt_log_level level, bool is_raw,
           const char *message)
{
	struct gt_syslog_line line;
	char got[200];

	gt_syslog_parse(gt_str_of(text), &line);
	assert_int_equal(line.level, level);
	assert_int_equal(line.is_raw, is_raw);
	snprintf(got, sizeof(got), "%.*s", (int)line.message.n, line.message.p);
	assert_string_equal(got, message);
}

static void
levels_are_those_of_the_line(void **state)
{
	(void)state;
	check_line("[2026-11-21 10:00:00 +0000] [4711] [INFO] hello",
	           GT_LOG_INFO, false, "hello");
	check_line("[2026-11-21 10:00:00 +0000] [1] [CRITICAL] a [b] c",
	           GT_LOG_CRITICAL, false, "a [b] c");
	check_line("[2026-11-21 10:00:00 +0000] [1] [NOTICE] x", GT_LOG_ERROR,
	           true, "[2026-11-21 10:00:00 +0000] [1] [NOTICE] x");
	check_line("Traceback (most recent call last):", GT_LOG_ERROR, true,
	           "Traceback (most recent call last):");
	check_line("[x] [y] [INFO] short", GT_LOG_ERROR, true,
	           "[x] [y] [INFO] short");
	check_line("", GT_LOG_ERROR, true, "");
	check_line("[2026-11-21 10:00:00 +0000] [1", GT_LOG_ERROR, true,
	           "[2026-11-21 10:00:00 +0000] [1");
}

static void
octets_are_split_into_lines(void **state)
{
	struct gt_str rest = GT_STR("one\n\ntwo\nrest"), line;
	const char *want[] = {"one", "", "two", "rest"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(gt_syslog_next(&rest, &line));
		assert_true(gt_str_eq(line, gt_str_of(want[i])));
	}
	assert_false(gt_syslog_next(&rest, &line));
}

static void
check_message(const struct gt_syslog *sl, enum gt_log_kind kind,
              enum gt_log_level level, const char *want)
{
	struct gt_buf out = {0};

	assert_int_equal(gt_syslog_format(sl, kind, level, 4711, WHEN,
	                                  GT_STR("hello there"), &out),
	                 GT_OK);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	assert_string_equal(out.p, want);
	gt_buf_fini(&out);
}

static void
to_a_unix_socket_messages_are_as_libcs(void **state)
{
	struct gt_syslog sl;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	gt_syslog_init(&sl, 1, "", "app:main", true);
	check_message(&sl, GT_LOG_KIND_ERROR, GT_LOG_WARNING,
	              "<12>Nov  6 08:49:37 gunicorn.app.main.error: [4711] "
	              "hello there");
	sl.is_stream = true;
	check_message(&sl, GT_LOG_KIND_ACCESS, GT_LOG_INFO,
	              "<14>Nov  6 08:49:37 gunicorn.app.main.access: [4711] "
	              "hello there\n");
}

static void
over_the_network_messages_are_rfc5424(void **state)
{
	struct gt_syslog sl;

	(void)state;
	gt_syslog_init(&sl, 20, "my shop", "app", false);
	memcpy(sl.host, "web1", 5);
	check_message(&sl, GT_LOG_KIND_ERROR, GT_LOG_CRITICAL,
	              "<186>1 1994-11-06T08:49:37.000042Z web1 "
	              "gunicorn.my_shop.error 4711 - - hello there");
	sl.is_stream = true;
	check_message(&sl, GT_LOG_KIND_ACCESS, GT_LOG_DEBUG,
	              "84 <191>1 1994-11-06T08:49:37.000042Z web1 "
	              "gunicorn.my_shop.access 4711 - - hello there");
}

/* RFC 5424 section 6.2.1; the order is that of the setting's choices. */
static void
every_facility_has_its_code(void **state)
{
	const char *codes[] = {
	    "<6>",   "<14>",  "<22>",  "<30>",  "<38>",  "<46>",  "<54>",
	    "<62>",  "<70>",  "<78>",  "<86>",  "<94>",  "<38>",  "<134>",
	    "<142>", "<150>", "<158>", "<166>", "<174>", "<182>", "<190>"};
	struct gt_buf out = {0};
	struct gt_syslog sl;

	(void)state;
	for (int i = 0; i < 21; i++) {
		gt_syslog_init(&sl, i, "x", "y", false);
		assert_int_equal(gt_syslog_format(&sl, GT_LOG_KIND_ERROR,
		                                  GT_LOG_INFO, 1, WHEN,
		                                  GT_STR("m"), &out),
		                 GT_OK);
		assert_memory_equal(out.p, codes[i], strlen(codes[i]));
	}
	gt_buf_fini(&out);
}

static void
a_long_prefix_leaves_room_for_the_kind(void **state)
{
	struct gt_syslog sl;
	char prefix[200];

	(void)state;
	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	gt_syslog_init(&sl, 1, prefix, "", false);
	assert_true(strlen(sl.ident[GT_LOG_KIND_ACCESS]) <= GT_SYSLOG_IDENT);
	assert_non_null(strstr(sl.ident[GT_LOG_KIND_ACCESS], ".access"));
}

static void
a_long_message_is_cut(void **state)
{
	static char big[3 * GT_SYSLOG_MAX];
	struct gt_buf out = {0};
	struct gt_syslog sl;

	(void)state;
	memset(big, 'x', sizeof(big));
	gt_syslog_init(&sl, 1, "x", "y", true);
	assert_int_equal(
	    gt_syslog_format(&sl, GT_LOG_KIND_ERROR, GT_LOG_INFO, 1, WHEN,
	                     (struct gt_str){big, sizeof(big)}, &out),
	    GT_OK);
	assert_in_range(out.len, GT_SYSLOG_MAX, GT_SYSLOG_MAX + 100);
	gt_buf_fini(&out);
}

/* ---- statsd ---- */

static char empty[] = "", prefix[] = "mine..";
static char *tags[] = {(char[]){"env:live"}, (char[]){"b"}};

/* A socket that is statsd, and a relay to it. */
static int
open_statsd(struct gt_settings *s, struct gt_relay **r)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct gt_relay_targets t;
	char address[64], why[200];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "gt-statsd-%d",
	         (int)getpid());
	assert_int_equal(
	    bind(fd, (void *)&un,
	         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                     strlen(un.sun_path + 1))),
	    0);
	snprintf(address, sizeof(address), "unix:@gt-statsd-%d", (int)getpid());
	s->statsd_host = address;
	assert_int_equal(gt_relay_resolve(s, &t, why, sizeof(why)), GT_OK);
	assert_int_equal(gt_relay_create(s, &t, "app", r), GT_OK);
	assert_non_null(*r);
	return fd;
}

static void
expect(int fd, const char *want)
{
	char buf[2000] = "";

	assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
	assert_string_equal(buf, want);
}

static void
requests_are_counted_and_timed_with_gunicorns_names(void **state)
{
	struct gt_settings s = {.statsd_prefix = empty,
	                        .log_syslog_prefix = empty};
	struct gt_relay *r;
	int fd = open_statsd(&s, &r);

	(void)state;
	assert_true(gt_relay_has_metrics(r));
	gt_relay_request(r, 200, 1234, 1);
	gt_relay_request(r, 404, 7000000, 1);
	gt_relay_request(r, 200, -5, 1);
	assert_int_equal(gt_relay_flush(r, 1), 0);
	expect(fd, "gunicorn.request.duration:1.234|ms\n"
	           "gunicorn.request.duration:7000.000|ms\n"
	           "gunicorn.request.duration:0.000|ms\n"
	           "gunicorn.requests:3|c|@1.0\n"
	           "gunicorn.request.status.200:2|c|@1.0\n"
	           "gunicorn.request.status.404:1|c|@1.0");
	assert_int_equal(gt_relay_flush(r, 1), 0);
	assert_int_equal(recv(fd, empty, 0, 0), -1);
	gt_relay_destroy(r);
	close(fd);
}

static void
prefix_names_and_tags_are_those_of_the_settings(void **state)
{
	struct gt_settings s = {.statsd_prefix = prefix,
	                        .log_syslog_prefix = empty,
	                        .statsd_names = 1,
	                        .dogstatsd_tags = {tags, 2}};
	struct gt_relay *r;
	int fd = open_statsd(&s, &r);

	(void)state;
	gt_relay_metric(r, "workers", 4, GT_STATSD_GAUGE, 1);
	gt_relay_metric(r, "backlog", 0, GT_STATSD_HISTOGRAM, 1);
	gt_relay_flush(r, 1);
	expect(fd, "mine.gthreadd.workers:4|g|#env:live,b\n"
	           "mine.gthreadd.backlog:0|h|#env:live,b");
	gt_relay_destroy(r);
	close(fd);
}

static void
log_lines_are_counted_by_level(void **state)
{
	static const char text[] =
	    "[2026-11-21 10:00:00 +0000] [1] [ERROR] a\n"
	    "Traceback (most recent call last):\n"
	    "  File x\n"
	    "[2026-11-21 10:00:00 +0000] [1] [INFO] a\n"
	    "[2026-11-21 10:00:00 +0000] [1] [WARNING] a\n"
	    "[2026-11-21 10:00:00 +0000] [1] [WARNING] a\n"
	    "[2026-11-21 10:00:00 +0000] [1] [CRITICAL] a\n";
	struct gt_settings s = {.statsd_prefix = empty,
	                        .log_syslog_prefix = empty};
	struct gt_relay *r;
	int fd = open_statsd(&s, &r);

	(void)state;
	gt_relay_lines(r, GT_LOG_KIND_ERROR, text, sizeof(text) - 1, 1);
	gt_relay_flush(r, 1);
	expect(fd, "gunicorn.log.warning:2|c|@1.0\n"
	           "gunicorn.log.error:1|c|@1.0\n"
	           "gunicorn.log.critical:1|c|@1.0\n"
	           "gunicorn.log.exception:1|c|@1.0");
	gt_relay_destroy(r);
	close(fd);
}

static void
datagrams_are_full_but_not_too_large(void **state)
{
	struct gt_settings s = {.statsd_prefix = empty,
	                        .log_syslog_prefix = empty};
	struct gt_relay *r;
	int fd = open_statsd(&s, &r), packets = 0, lines = 0;
	char buf[4000];
	ssize_t n;

	(void)state;
	for (int i = 0; i < 200; i++)
		gt_relay_request(r, 200, 1000, 1);
	gt_relay_flush(r, 1);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		assert_true(n <= GT_STATSD_PACKET);
		assert_true(buf[0] == 'g' && buf[n - 1] != '\n');
		packets++;
		lines++;
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	}
	assert_int_equal(lines, 202);
	assert_in_range(packets, 5, 6);
	assert_int_equal(gt_relay_lost(r), 0);
	gt_relay_destroy(r);
	close(fd);
}

static void
nobody_to_tell_is_no_relay(void **state)
{
	struct gt_settings s = {.statsd_host = empty};
	struct gt_relay_targets t;
	struct gt_relay *r;
	char why[200];

	(void)state;
	assert_int_equal(gt_relay_resolve(&s, &t, why, sizeof(why)), GT_OK);
	assert_int_equal(gt_relay_create(&s, &t, "app", &r), GT_OK);
	assert_null(r);
	assert_false(gt_relay_has_metrics(r));
	gt_relay_destroy(r);
}

static void
an_address_that_cannot_be_found_is_named(void **state)
{
	char host[] = "udp://no-such-host.invalid";
	struct gt_settings s = {.statsd_host = host};
	struct gt_relay_targets t;
	char why[200] = "";

	(void)state;
	assert_int_not_equal(gt_relay_resolve(&s, &t, why, sizeof(why)), GT_OK);
	assert_non_null(strstr(why, "statsd-host 'udp://no-such-host.invalid"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(levels_are_those_of_the_line),
	    cmocka_unit_test(octets_are_split_into_lines),
	    cmocka_unit_test(to_a_unix_socket_messages_are_as_libcs),
	    cmocka_unit_test(over_the_network_messages_are_rfc5424),
	    cmocka_unit_test(every_facility_has_its_code),
	    cmocka_unit_test(a_long_prefix_leaves_room_for_the_kind),
	    cmocka_unit_test(a_long_message_is_cut),
	    cmocka_unit_test(
	        requests_are_counted_and_timed_with_gunicorns_names),
	    cmocka_unit_test(prefix_names_and_tags_are_those_of_the_settings),
	    cmocka_unit_test(log_lines_are_counted_by_level),
	    cmocka_unit_test(datagrams_are_full_but_not_too_large),
	    cmocka_unit_test(nobody_to_tell_is_no_relay),
	    cmocka_unit_test(an_address_that_cannot_be_found_is_named),
	};

	return cmocka_run_group_tests_name("stats/syslog", tests, NULL, NULL);
}
