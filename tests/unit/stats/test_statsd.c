/* SPDX-License-Identifier: MIT */
/* Statsd lines, their names and tags, and how they share datagrams. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/stats/statsd.h"

static char none[] = "";

struct pair {
	int fd; /* where the datagrams arrive */
	struct gt_remote *to;
	struct gt_settings settings;
};

static int
set_up(void **state)
{
	static struct pair p;
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct gt_remote_addr addr = {.kind = GT_REMOTE_DGRAM};
	socklen_t len = sizeof(in);

	p = (struct pair){.settings = {.statsd_prefix = none}};
	*state = &p;
	p.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p.fd < 0 || bind(p.fd, (void *)&in, sizeof(in)) < 0 ||
	    getsockname(p.fd, (void *)&in, &len) < 0)
		return -1;
	memcpy(&addr.sa, &in, sizeof(in));
	addr.len = len;
	return gt_remote_create(&addr, &p.to) == GT_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	struct pair *p = *state;

	gt_remote_destroy(p->to);
	close(p->fd);
	return 0;
}

static void
expect_waiting(const struct gt_statsd *sd, const char *want)
{
	assert_int_equal(sd->packet.len, strlen(want));
	assert_memory_equal(sd->packet.p, want, strlen(want));
}

static void
check_prefix(struct pair *p, const char *prefix, int names, const char *want)
{
	struct gt_statsd sd;
	char text[32];

	strncpy(text, prefix, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	p->settings.statsd_prefix = text;
	p->settings.statsd_names = names;
	assert_int_equal(gt_statsd_init(&sd, &p->settings, p->to), GT_OK);
	gt_statsd_add(&sd, "n", 1, GT_STATSD_GAUGE, 1);
	expect_waiting(&sd, want);
	gt_statsd_fini(&sd);
}

static void
a_prefix_ends_with_one_dot(void **state)
{
	check_prefix(*state, "", 0, "gunicorn.n:1|g");
	check_prefix(*state, "shop", 0, "shop.gunicorn.n:1|g");
	check_prefix(*state, " shop.. ", 0, "shop.gunicorn.n:1|g");
	check_prefix(*state, ".", 0, "gunicorn.n:1|g");
	check_prefix(*state, "a.b.", 1, "a.b.gthreadd.n:1|g");
}

static void
every_type_has_its_form(void **state)
{
	struct pair *p = *state;
	struct gt_statsd sd;

	assert_int_equal(gt_statsd_init(&sd, &p->settings, p->to), GT_OK);
	gt_statsd_add(&sd, "requests", 3, GT_STATSD_COUNTER, 1);
	gt_statsd_add(&sd, "time", 1234, GT_STATSD_TIME_US, 1);
	gt_statsd_add(&sd, "time", 7, GT_STATSD_TIME_US, 1);
	gt_statsd_add(&sd, "workers", UINT64_MAX, GT_STATSD_GAUGE, 1);
	gt_statsd_add(&sd, "backlog", 0, GT_STATSD_HISTOGRAM, 1);
	expect_waiting(&sd, "gunicorn.requests:3|c|@1.0\n"
	                    "gunicorn.time:1.234|ms\n"
	                    "gunicorn.time:0.007|ms\n"
	                    "gunicorn.workers:18446744073709551615|g\n"
	                    "gunicorn.backlog:0|h");
	gt_statsd_fini(&sd);
}

static void
tags_stand_behind_each_line(void **state)
{
	char a[] = "env:prod", b[] = "tier";
	char *tags[] = {a, b};
	struct pair *p = *state;
	struct gt_statsd sd;

	p->settings.dogstatsd_tags = (struct gt_strv){tags, 2};
	assert_int_equal(gt_statsd_init(&sd, &p->settings, p->to), GT_OK);
	gt_statsd_add(&sd, "x", 1, GT_STATSD_COUNTER, 1);
	gt_statsd_add(&sd, "y", 2, GT_STATSD_GAUGE, 1);
	expect_waiting(&sd, "gunicorn.x:1|c|@1.0|#env:prod,tier\n"
	                    "gunicorn.y:2|g|#env:prod,tier");
	gt_statsd_fini(&sd);
}

static void
a_full_packet_is_sent_in_whole_lines(void **state)
{
	static const char line[] = "gunicorn.requests:1|c|@1.0";
	const size_t per_packet = (GT_STATSD_PACKET + 1) / sizeof(line);
	struct pair *p = *state;
	struct gt_statsd sd;
	char got[2 * GT_STATSD_PACKET];

	assert_int_equal(gt_statsd_init(&sd, &p->settings, p->to), GT_OK);
	for (size_t i = 0; i < per_packet; i++)
		gt_statsd_add(&sd, "requests", 1, GT_STATSD_COUNTER, 1);
	assert_int_equal(recv(p->fd, got, sizeof(got), MSG_DONTWAIT), -1);
	gt_statsd_add(&sd, "requests", 1, GT_STATSD_COUNTER, 1);
	assert_int_equal(recv(p->fd, got, sizeof(got), 0),
	                 per_packet * sizeof(line) - 1);
	expect_waiting(&sd, line);
	gt_statsd_flush(&sd, 1);
	assert_int_equal(recv(p->fd, got, sizeof(got), 0), sizeof(line) - 1);
	gt_statsd_flush(&sd, 1); /* nothing waits */
	assert_int_equal(recv(p->fd, got, sizeof(got), MSG_DONTWAIT), -1);
	gt_statsd_fini(&sd);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_prefix_ends_with_one_dot),
	    TEST(every_type_has_its_form),
	    TEST(tags_stand_behind_each_line),
	    TEST(a_full_packet_is_sent_in_whole_lines),
	};

	return cmocka_run_group_tests_name("stats/statsd", tests, NULL, NULL);
}
