/* SPDX-License-Identifier: MIT */
/* Lines to other programs: addresses, datagrams, streams that break. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/net/remote.h"

static char dir[64];

static void
check(const char *text, bool want)
{
	const char *why = NULL;
	bool is_ok = gt_remote_check(gt_str_of(text), &why) == GT_OK;

	if (is_ok != want)
		fail_msg("%s: %s", text, is_ok ? "was taken" : why);
	if (!is_ok)
		assert_true(why != NULL && strlen(why) > 0);
}

static void
addresses_are_told_apart(void **state)
{
	(void)state;
	check("unix:///dev/log", true);
	check("unix:/dev/log", true);
	check("unix:///dev/log#dgram", true);
	check("unix:///dev/log#stream", true);
	check("udp://localhost:514", true);
	check("udp://[::1]:514", true);
	check("tcp://logs.example.net", true);
	check("localhost:8125", true);
	check("unix:///dev/log#tcp", false);
	check("unix://", false);
	check("udp://:514", false);
	check("", false);
	check("udp://localhost:port", false);
	check("udp://localhost:70000", false);
	check("fd://3", false);
	check("http://x/", false);
}

static struct gt_remote_addr
resolve(const char *text)
{
	struct gt_remote_addr a;
	const char *why = "";

	if (gt_remote_resolve(gt_str_of(text), 514, &a, &why) != GT_OK)
		fail_msg("%s: %s", text, why);
	return a;
}

static void
a_port_that_is_missing_is_the_default(void **state)
{
	struct gt_remote_addr a = resolve("udp://127.0.0.1");
	struct sockaddr_in in;

	(void)state;
	memcpy(&in, &a.sa, sizeof(in));
	assert_int_equal(ntohs(in.sin_port), 514);
	a = resolve("tcp://127.0.0.1:99");
	memcpy(&in, &a.sa, sizeof(in));
	assert_int_equal(ntohs(in.sin_port), 99);
	assert_int_equal(a.kind, GT_REMOTE_STREAM);
}

static void
a_name_that_nobody_knows_is_an_error(void **state)
{
	struct gt_remote_addr a;
	const char *why = NULL;

	(void)state;
	assert_int_not_equal(
	    gt_remote_resolve(GT_STR("udp://no-such-host.invalid:1"), 514, &a,
	                      &why),
	    GT_OK);
	assert_non_null(why);
}

/* A socket of ours at dir/name, listening when it is a stream. */
static int
open_unix(const char *name, int type)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", dir, name);
	unlink(un.sun_path);
	assert_int_equal(bind(fd, (void *)&un, sizeof(un)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static struct gt_remote_addr
resolve_unix(const char *name, const char *kind)
{
	char text[120];

	snprintf(text, sizeof(text), "unix://%s/%s%s", dir, name, kind);
	return resolve(text);
}

static struct gt_remote *
make(const char *name, const char *kind)
{
	struct gt_remote_addr a = resolve_unix(name, kind);
	struct gt_remote *r;

	assert_int_equal(gt_remote_create(&a, &r), GT_OK);
	return r;
}

static void
say(struct gt_remote *r, const char *text)
{
	gt_remote_send(r, text, strlen(text), gt_clock_us());
}

static void
expect(int fd, const char *want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[256] = "";
	size_t have = 0;
	ssize_t n;

	while (have < strlen(want) && poll(&p, 1, 5000) > 0) {
		n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_string_equal(buf, want);
}

static void
a_message_is_a_datagram(void **state)
{
	int fd = open_unix("d", SOCK_DGRAM);
	struct gt_remote *r = make("d", "");

	(void)state;
	say(r, "one");
	say(r, "two");
	expect(fd, "one");
	expect(fd, "two");
	assert_int_equal(gt_remote_lost(r), 0);
	assert_false(gt_remote_is_stream(r));
	close(fd);
	say(r, "nobody");
	assert_int_equal(gt_remote_lost(r), 1);
	assert_int_equal(gt_remote_flush(r, gt_clock_us()), 0);
	fd = open_unix("d", SOCK_DGRAM);
	say(r, "again");
	expect(fd, "again");
	gt_remote_destroy(r);
	close(fd);
}

static void
a_slow_receiver_is_not_waited_for(void **state)
{
	int fd = open_unix("d", SOCK_DGRAM);
	struct gt_remote *r = make("d", "#dgram");
	static char big[20000];
	int64_t at, now = gt_clock_us();

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 200; i++)
		gt_remote_send(r, big, sizeof(big), now);
	assert_true(gt_remote_lost(r) > 50);
	at = gt_remote_flush(r, now);
	assert_true(at > now && at <= now + 1000000);
	for (int i = 0; i < 200; i++) {
		while (recv(fd, big, sizeof(big), 0) > 0)
			;
		if (gt_remote_flush(r, now) == 0)
			break;
	}
	assert_int_equal(gt_remote_flush(r, now), 0);
	gt_remote_destroy(r);
	close(fd);
}

/* errno of gt_remote_reach(), 0: somebody listens. */
static int
reach(const char *name, const char *kind)
{
	struct gt_remote_addr addr = resolve_unix(name, kind);

	return gt_remote_reach(&addr) == GT_OK ? 0 : errno;
}

static void
who_listens_on_a_unix_socket_is_reached(void **state)
{
	const struct gt_remote_addr nowhere = {.len = 0};
	int dgram = open_unix("d", SOCK_DGRAM);
	int stream = open_unix("s", SOCK_STREAM);

	(void)state;
	assert_int_equal(gt_remote_reach(&nowhere), GT_OK);
	assert_int_equal(reach("d", ""), 0);
	assert_int_equal(reach("d", "#dgram"), 0);
	assert_int_equal(reach("d", "#stream"), EPROTOTYPE);
	assert_int_equal(reach("s", ""), 0);
	assert_int_equal(reach("s", "#stream"), 0);
	assert_int_equal(reach("s", "#dgram"), EPROTOTYPE);
	close(stream);
	close(dgram);
	assert_int_equal(reach("s", ""), ECONNREFUSED);
	assert_int_equal(reach("none", ""), ENOENT);
	assert_int_equal(reach("none", "#stream"), ENOENT);
}

static void
a_stream_is_found_out(void **state)
{
	int fd = open_unix("s", SOCK_STREAM), got;
	struct gt_remote *r = make("s", "");

	(void)state;
	say(r, "one\n");
	assert_true(gt_remote_is_stream(r));
	assert_true((got = accept(fd, NULL, NULL)) >= 0);
	expect(got, "one\n");
	gt_remote_destroy(r);
	close(got);
	close(fd);
}

/* The other end went away and came back: whole messages, none is repeated. */
static void
a_broken_stream_is_made_anew(void **state)
{
	int fd = open_unix("s", SOCK_STREAM), got;
	struct gt_remote *r = make("s", "#stream");
	int64_t now = gt_clock_us(), at;

	(void)state;
	say(r, "one\n");
	assert_true((got = accept(fd, NULL, NULL)) >= 0);
	expect(got, "one\n");
	close(got);
	close(fd);
	gt_remote_send(r, "two\n", 4, now);
	at = gt_remote_flush(r, now);
	assert_true(at > now);
	assert_int_equal(gt_remote_flush(r, now), at); /* a pause */
	fd = open_unix("s", SOCK_STREAM);
	assert_int_equal(gt_remote_flush(r, at), 0);
	assert_true((got = accept(fd, NULL, NULL)) >= 0);
	expect(got, "two\n");
	assert_int_equal(gt_remote_lost(r), 0);
	gt_remote_destroy(r);
	close(got);
	close(fd);
}

static void
pauses_between_tries_grow(void **state)
{
	struct gt_remote *r = make("none", "#stream");
	int64_t now = 1000000, at = 0, pause = 0;

	(void)state;
	gt_remote_send(r, "x", 1, now);
	for (int i = 0; i < 20; i++) {
		at = gt_remote_flush(r, now);
		assert_true(at - now >= pause);
		pause = at - now;
		now = at;
	}
	assert_int_equal(pause, 30000000);
	gt_remote_destroy(r);
}

static void
what_waits_for_a_connection_is_bounded(void **state)
{
	struct gt_remote *r = make("none", "#stream");
	static char big[10000];

	(void)state;
	for (int i = 0; i < 100; i++)
		gt_remote_send(r, big, sizeof(big), 1);
	assert_int_equal(gt_remote_lost(r), 100 - 256 * 1024 / 10004);
	gt_remote_destroy(r);
}

static void
a_message_cut_by_a_break_is_lost_whole(void **state)
{
	int fd = open_unix("s", SOCK_STREAM), got;
	struct gt_remote *r = make("s", "#stream");
	static char big[200000];
	int64_t now = gt_clock_us();
	char buf[8] = "";

	(void)state;
	memset(big, 'x', sizeof(big));
	gt_remote_send(r, big, sizeof(big), now);
	gt_remote_send(r, big, 50000, now);
	gt_remote_send(r, "next\n", 5, now);
	assert_true((got = accept(fd, NULL, NULL)) >= 0);
	close(got); /* in the middle of a message */
	now = gt_remote_flush(r, now);
	for (int i = 0; i < 5 && now != 0; i++)
		now = gt_remote_flush(r, now);
	assert_true((got = accept(fd, NULL, NULL)) >= 0);
	assert_true(gt_remote_lost(r) > 0);
	while (recv(got, buf, 1, 0) == 1 && buf[0] == 'x')
		;
	assert_int_equal(recv(got, buf + 1, 4, MSG_WAITALL), 4);
	assert_string_equal(buf, "next\n");
	gt_remote_destroy(r);
	close(got);
	close(fd);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gt-remote-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	char path[100];

	(void)state;
	for (const char *name = "ds"; *name != '\0'; name++) {
		snprintf(path, sizeof(path), "%s/%c", dir, *name);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_told_apart),
	    cmocka_unit_test(a_port_that_is_missing_is_the_default),
	    cmocka_unit_test(a_name_that_nobody_knows_is_an_error),
	    cmocka_unit_test(a_message_is_a_datagram),
	    cmocka_unit_test(a_slow_receiver_is_not_waited_for),
	    cmocka_unit_test(who_listens_on_a_unix_socket_is_reached),
	    cmocka_unit_test(a_stream_is_found_out),
	    cmocka_unit_test(a_broken_stream_is_made_anew),
	    cmocka_unit_test(pauses_between_tries_grow),
	    cmocka_unit_test(what_waits_for_a_connection_is_bounded),
	    cmocka_unit_test(a_message_cut_by_a_break_is_lost_whole),
	};

	return cmocka_run_group_tests_name("net/remote", tests, make_dir,
	                                   remove_dir);
}
