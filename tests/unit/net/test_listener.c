/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/listener.h"

static char dir[] = "/tmp/gt-listener-XXXXXX";
static char sock_path[64], sock_spec[80];
static char why[256];

static const struct gt_listen_options plain = {.backlog = 16};

static enum gt_err
open_specs(const char *const *specs, size_t n, struct gt_listeners *ls)
{
	why[0] = '\0';
	return gt_listeners_open(specs, n, &plain, ls, why, sizeof(why));
}

static enum gt_err
open_one(const char *spec, struct gt_listeners *ls)
{
	return open_specs(&spec, 1, ls);
}

static int
connect_to(const struct gt_listener *l)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd;

	assert_int_equal(getsockname(l->fd, (void *)&sa, &len), 0);
	fd = socket(sa.ss_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (void *)&sa, len), 0);
	return fd;
}

static int
option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
v4_listens_and_accepted_sockets_inherit_the_options(void **state)
{
	struct gt_listeners ls;
	int client, served;

	(void)state;
	assert_int_equal(open_one("127.0.0.1:0", &ls), GT_OK);
	assert_int_equal(ls.n, 1);
	assert_string_equal(ls.v[0].local.host, "127.0.0.1");
	assert_true(atoi(ls.v[0].local.port) > 0);
	assert_false(ls.v[0].is_unix);
	assert_true(fcntl(ls.v[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(ls.v[0].fd, F_GETFD) & FD_CLOEXEC);
	client = connect_to(&ls.v[0]);
	served = accept(ls.v[0].fd, NULL, NULL);
	assert_int_equal(option_of(served, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(served, SOL_SOCKET, SO_KEEPALIVE), 1);
	close(client);
	close(served);
	gt_listeners_close(&ls, true);
	assert_int_equal(ls.n, 0);
}

static void
v6_alone_keeps_the_kernels_default(void **state)
{
	struct gt_listeners ls;
	int expected, fd = socket(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	if (fd < 0)
		skip();
	expected = option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	close(fd);
	assert_int_equal(open_one("[::]:0", &ls), GT_OK);
	assert_string_equal(ls.v[0].local.host, "::");
	assert_int_equal(option_of(ls.v[0].fd, IPPROTO_IPV6, IPV6_V6ONLY),
	                 expected);
	gt_listeners_close(&ls, true);
}

/* A port that was free a moment ago. */
static unsigned
free_port(void)
{
	struct gt_listeners ls;
	unsigned port;

	assert_int_equal(open_one("127.0.0.1:0", &ls), GT_OK);
	port = (unsigned)atoi(ls.v[0].local.port);
	gt_listeners_close(&ls, true);
	return port;
}

static void
v6_and_v4_share_a_port_in_either_order(void **state)
{
	struct gt_listeners ls;
	char v4[32], v6[32];
	unsigned port = free_port();

	(void)state;
	snprintf(v4, sizeof(v4), "0.0.0.0:%u", port);
	snprintf(v6, sizeof(v6), "[::]:%u", port);
	for (int i = 0; i < 2; i++) {
		const char *specs[] = {i == 0 ? v6 : v4, i == 0 ? v4 : v6};

		assert_int_equal(open_specs(specs, 2, &ls), GT_OK);
		assert_int_equal(ls.n, 2);
		assert_int_equal(
		    option_of(ls.v[i].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
		gt_listeners_close(&ls, true);
	}
}

static void
the_same_address_twice_is_one_listener(void **state)
{
	struct gt_listeners ls;
	char spec[32];

	(void)state;
	snprintf(spec, sizeof(spec), "127.0.0.1:%u", free_port());
	const char *specs[] = {spec, spec};
	assert_int_equal(open_specs(specs, 2, &ls), GT_OK);
	assert_int_equal(ls.n, 1);
	gt_listeners_close(&ls, true);
}

static void
a_name_opens_an_address(void **state)
{
	struct gt_listeners ls;

	(void)state;
	assert_int_equal(open_one("localhost:0", &ls), GT_OK);
	assert_true(ls.n >= 1);
	gt_listeners_close(&ls, true);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
unix_socket_is_made_and_removed(void **state)
{
	struct gt_listeners ls;
	mode_t old = umask(022);

	(void)state;
	assert_int_equal(open_one(sock_spec, &ls), GT_OK);
	assert_true(ls.v[0].is_unix);
	assert_string_equal(ls.v[0].unlink_path, sock_path);
	assert_string_equal(ls.v[0].text, sock_spec);
	assert_string_equal(ls.v[0].local.host, "");
	assert_int_equal(mode_of(sock_path), 0644);
	assert_int_equal(umask(022), 022);
	close(connect_to(&ls.v[0]));
	gt_listeners_close(&ls, true);
	assert_int_equal(access(sock_path, F_OK), -1);
	umask(old);
}

static void
socket_mode_is_exact_whatever_the_umask(void **state)
{
	const struct gt_listen_options opt = {
	    .backlog = 16, .has_socket_mode = true, .socket_mode = 0666};
	const char *specs[] = {sock_spec};
	struct gt_listeners ls;
	mode_t old = umask(077);

	(void)state;
	assert_int_equal(
	    gt_listeners_open(specs, 1, &opt, &ls, why, sizeof(why)), GT_OK);
	assert_int_equal(mode_of(sock_path), 0666);
	gt_listeners_close(&ls, true);
	umask(old);
}

static void
stale_unix_socket_is_replaced(void **state)
{
	struct gt_listeners ls;

	(void)state;
	assert_int_equal(open_one(sock_spec, &ls), GT_OK);
	gt_listeners_close(&ls, false);
	assert_int_equal(access(sock_path, F_OK), 0);
	assert_int_equal(open_one(sock_spec, &ls), GT_OK);
	close(connect_to(&ls.v[0]));
	gt_listeners_close(&ls, true);
}

static void
live_unix_socket_is_left_alone_after_five_tries(void **state)
{
	struct gt_listeners first, ls;
	int64_t began, took;

	(void)state;
	assert_int_equal(open_one(sock_spec, &first), GT_OK);
	began = gt_clock_us();
	assert_int_equal(open_one(sock_spec, &ls), GT_SYS);
	took = gt_clock_us() - began;
	assert_int_equal(errno, EADDRINUSE);
	assert_true(took > 3500000 && took < 6000000);
	assert_non_null(strstr(why, sock_path));
	assert_non_null(strstr(why, "already in use"));
	close(connect_to(&first.v[0]));
	gt_listeners_close(&first, true);
}

static void
a_file_that_is_no_socket_is_never_unlinked(void **state)
{
	struct gt_listeners ls;
	int fd = open(sock_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_one(sock_spec, &ls), GT_SYS);
	assert_non_null(strstr(why, "File exists"));
	assert_int_equal(access(sock_path, F_OK), 0);
	unlink(sock_path);
}

static void
abstract_socket_listens_and_leaves_no_file(void **state)
{
	char spec[64];
	struct gt_listeners ls;

	(void)state;
	snprintf(spec, sizeof(spec), "unix:@gt-test-%d", (int)getpid());
	assert_int_equal(open_one(spec, &ls), GT_OK);
	assert_string_equal(ls.v[0].text, spec);
	assert_null(ls.v[0].unlink_path);
	close(connect_to(&ls.v[0]));
	gt_listeners_close(&ls, true);
}

static void
inherited_listening_socket_is_taken_over(void **state)
{
	struct gt_listeners made, ls;
	char spec[16], text[GT_ADDR_TEXT];
	int fd, flags;

	(void)state;
	assert_int_equal(open_one("127.0.0.1:0", &made), GT_OK);
	memcpy(text, made.v[0].text, sizeof(text));
	fd = dup(made.v[0].fd);
	gt_listeners_close(&made, true);
	flags = fcntl(fd, F_GETFL) & ~O_NONBLOCK;
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
	snprintf(spec, sizeof(spec), "fd://%d", fd);
	/* Its own address again is not opened a second time. */
	const char *specs[] = {spec, text};
	assert_int_equal(open_specs(specs, 2, &ls), GT_OK);
	assert_int_equal(ls.n, 1);
	assert_int_equal(ls.v[0].fd, fd);
	assert_string_equal(ls.v[0].text, text);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	gt_listeners_close(&ls, true);
}

static void
a_descriptor_that_does_not_listen_is_refused(void **state)
{
	struct gt_listeners ls;
	char spec[16];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	snprintf(spec, sizeof(spec), "fd://%d", fd);
	assert_int_equal(open_one(spec, &ls), GT_INVALID);
	assert_non_null(strstr(why, "not a listening stream socket"));
	close(fd);
	assert_int_equal(open_one(spec, &ls), GT_SYS);
	assert_non_null(strstr(why, "Bad file descriptor"));
}

static void
errors_tell_address_and_reason_and_leave_nothing_open(void **state)
{
	const char *specs[] = {sock_spec, "192.0.2.1:80"};
	struct gt_listeners ls;

	(void)state;
	assert_int_equal(open_specs(specs, 2, &ls), GT_SYS);
	assert_non_null(strstr(why, "192.0.2.1:80"));
	assert_non_null(strstr(why, "Cannot assign requested address"));
	assert_int_equal(ls.n, 0);
	assert_int_equal(access(sock_path, F_OK), -1);
	assert_int_equal(open_one("127.0.0.1:99999", &ls), GT_INVALID);
	assert_non_null(strstr(why, "port must be"));
	assert_int_equal(open_one("no-such-host.invalid:1", &ls), GT_INVALID);
	assert_non_null(strstr(why, "no-such-host.invalid"));
}

static int
make_dir(void **state)
{
	(void)state;
	gt_log_set_level(GT_LOG_CRITICAL);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(sock_path, sizeof(sock_path), "%s/s", dir);
	snprintf(sock_spec, sizeof(sock_spec), "unix:%s", sock_path);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(sock_path);
	return rmdir(dir);
}

static void
kept_addresses_are_the_same_sockets_and_others_are_new(void **state)
{
	const char *first[] = {"127.0.0.1:0", sock_spec}, *second[2];
	struct gt_listen_options opt = {.backlog = 16, .once = true};
	struct gt_listeners old, new;
	struct stat a, b;

	(void)state;
	assert_int_equal(open_specs(first, 2, &old), GT_OK);
	second[0] = "127.0.0.1:0"; /* asked for in the same words: it stays */
	second[1] = "[::1]:0";
	opt.kept = &old;
	assert_int_equal(
	    gt_listeners_open(second, 2, &opt, &new, why, sizeof(why)), GT_OK);
	assert_int_equal(fstat(old.v[0].fd, &a), 0);
	assert_int_equal(fstat(new.v[0].fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_not_equal(old.v[0].fd, new.v[0].fd);
	assert_string_equal(old.v[0].text, new.v[0].text);
	assert_ptr_equal(gt_listeners_find(&new, &old.v[0]), &new.v[0]);
	assert_null(gt_listeners_find(&new, &old.v[1]));
	assert_true(fcntl(new.v[0].fd, F_GETFD) & FD_CLOEXEC);
	/* The duplicate listens on when the first is closed. */
	gt_listeners_close(&old, true);
	close(connect_to(&new.v[0]));
	gt_listeners_close(&new, true);
}

/* A reload that fails, an upgrade that fails: the others serve on. */
static void
what_fails_leaves_the_files_of_kept_sockets(void **state)
{
	struct gt_listen_options opt = {.backlog = 16, .once = true};
	char other_path[80], other_spec[96];
	const char *specs[] = {sock_spec, other_spec, "192.0.2.1:9"};
	struct gt_listeners old, new;

	(void)state;
	snprintf(other_path, sizeof(other_path), "%s/other", dir);
	snprintf(other_spec, sizeof(other_spec), "unix:%s", other_path);
	assert_int_equal(open_one(sock_spec, &old), GT_OK);
	opt.kept = &old;
	assert_int_equal(
	    gt_listeners_open(specs, 3, &opt, &new, why, sizeof(why)), GT_SYS);
	close(connect_to(&old.v[0]));
	assert_int_equal(access(other_path, F_OK), -1);
	gt_listeners_close(&old, true);
}

static void
each_slot_has_a_socket_of_its_own_at_the_same_address(void **state)
{
	const char *specs[] = {"127.0.0.1:0", sock_spec};
	struct gt_listen_options opt = {.backlog = 16, .slots = 3};
	struct gt_listeners ls, more;
	struct stat a, b;

	(void)state;
	assert_int_equal(
	    gt_listeners_open(specs, 2, &opt, &ls, why, sizeof(why)), GT_OK);
	assert_int_equal(ls.n, 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ls.v[i].slot, i);
		assert_string_equal(ls.v[i].text, ls.v[0].text);
		assert_string_equal(ls.v[i].asked, "127.0.0.1:0");
	}
	assert_int_equal(ls.v[3].slot, GT_LISTENER_ALL);
	opt.slots = 4;
	opt.kept = &ls;
	assert_int_equal(
	    gt_listeners_open(specs, 2, &opt, &more, why, sizeof(why)), GT_OK);
	assert_int_equal(more.n, 5);
	assert_string_equal(more.v[3].text, ls.v[0].text);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fstat(ls.v[i].fd, &a), 0);
		assert_int_equal(fstat(more.v[i].fd, &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
	}
	gt_listeners_close(&ls, false);
	gt_listeners_close(&more, true);
}

static void
turning_reuse_port_on_or_off_is_refused_by_name_at_once(void **state)
{
	struct gt_listen_options opt = {.backlog = 16};
	const char *spec, *any = "127.0.0.1:0";
	struct gt_listeners old, new;
	int64_t began;

	(void)state;
	for (unsigned slots = 0; slots <= 2; slots += 2) {
		opt.kept = NULL;
		opt.slots = slots;
		assert_int_equal(
		    gt_listeners_open(&any, 1, &opt, &old, why, sizeof(why)),
		    GT_OK);
		spec = old.v[0].text;
		opt.kept = &old;
		opt.slots = 2 - slots;
		began = gt_clock_us();
		assert_int_equal(
		    gt_listeners_open(&spec, 1, &opt, &new, why, sizeof(why)),
		    GT_SYS);
		assert_true(gt_clock_us() - began < 900000);
		assert_non_null(strstr(why, spec));
		assert_non_null(strstr(why, slots == 0
		                                ? "reuse-port was turned on, "
		                                  "that needs a restart"
		                                : "reuse-port was turned off, "
		                                  "that needs a restart"));
		gt_listeners_close(&old, true);
	}
}

static void
sockets_of_one_address_have_its_number(void **state)
{
	const char *specs[] = {sock_spec, "127.0.0.1:0", "127.0.0.1:0"};
	const struct gt_listen_options opt = {.backlog = 16, .slots = 2};
	struct gt_listeners ls;

	(void)state;
	/* Two of the kernel's choice are two addresses. */
	assert_int_equal(
	    gt_listeners_open(specs, 3, &opt, &ls, why, sizeof(why)), GT_OK);
	assert_int_equal(ls.n, 5);
	for (size_t i = 0; i < ls.n; i++)
		assert_int_equal(gt_listeners_address(&ls, i), (i + 1) / 2);
	gt_listeners_close(&ls, true);
}

static void
more_addresses_than_a_mask_has_bits_are_refused(void **state)
{
	const char *specs[GT_BIND_MAX + 1];
	struct gt_listeners ls;

	(void)state;
	for (size_t i = 0; i <= GT_BIND_MAX; i++)
		specs[i] = "127.0.0.1:0";
	assert_int_equal(open_specs(specs, GT_BIND_MAX, &ls), GT_OK);
	assert_int_equal(ls.n, GT_BIND_MAX);
	gt_listeners_close(&ls, true);
	assert_int_equal(open_specs(specs, GT_BIND_MAX + 1, &ls), GT_INVALID);
	assert_string_equal(why, "more than 64 addresses to listen on");
}

static void
an_address_that_overlaps_a_kept_one_is_named(void **state)
{
	struct gt_listen_options opt = {.backlog = 16, .once = true};
	struct gt_listeners old, new;
	char any[40];
	const char *spec = any;

	(void)state;
	assert_int_equal(open_one("127.0.0.1:0", &old), GT_OK);
	snprintf(any, sizeof(any), "0.0.0.0:%s", old.v[0].local.port);
	opt.kept = &old;
	assert_int_equal(
	    gt_listeners_open(&spec, 1, &opt, &new, why, sizeof(why)), GT_SYS);
	assert_non_null(strstr(why, old.v[0].text));
	assert_non_null(strstr(why, "needs a restart"));
	gt_listeners_close(&old, true);
}

static void
once_does_not_wait_for_an_address_in_use(void **state)
{
	const struct gt_listen_options opt = {.backlog = 16, .once = true};
	struct gt_listeners first, second;
	const char *spec;
	int64_t began;

	(void)state;
	assert_int_equal(open_one("127.0.0.1:0", &first), GT_OK);
	spec = first.v[0].text;
	began = gt_clock_us();
	assert_int_equal(
	    gt_listeners_open(&spec, 1, &opt, &second, why, sizeof(why)),
	    GT_SYS);
	assert_true(gt_clock_us() - began < 900000);
	gt_listeners_close(&first, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        v4_listens_and_accepted_sockets_inherit_the_options),
	    cmocka_unit_test(
	        each_slot_has_a_socket_of_its_own_at_the_same_address),
	    cmocka_unit_test(
	        turning_reuse_port_on_or_off_is_refused_by_name_at_once),
	    cmocka_unit_test(sockets_of_one_address_have_its_number),
	    cmocka_unit_test(more_addresses_than_a_mask_has_bits_are_refused),
	    cmocka_unit_test(an_address_that_overlaps_a_kept_one_is_named),
	    cmocka_unit_test(
	        kept_addresses_are_the_same_sockets_and_others_are_new),
	    cmocka_unit_test(what_fails_leaves_the_files_of_kept_sockets),
	    cmocka_unit_test(once_does_not_wait_for_an_address_in_use),
	    cmocka_unit_test(v6_alone_keeps_the_kernels_default),
	    cmocka_unit_test(v6_and_v4_share_a_port_in_either_order),
	    cmocka_unit_test(the_same_address_twice_is_one_listener),
	    cmocka_unit_test(a_name_opens_an_address),
	    cmocka_unit_test(unix_socket_is_made_and_removed),
	    cmocka_unit_test(socket_mode_is_exact_whatever_the_umask),
	    cmocka_unit_test(stale_unix_socket_is_replaced),
	    cmocka_unit_test(live_unix_socket_is_left_alone_after_five_tries),
	    cmocka_unit_test(a_file_that_is_no_socket_is_never_unlinked),
	    cmocka_unit_test(abstract_socket_listens_and_leaves_no_file),
	    cmocka_unit_test(inherited_listening_socket_is_taken_over),
	    cmocka_unit_test(a_descriptor_that_does_not_listen_is_refused),
	    cmocka_unit_test(
	        errors_tell_address_and_reason_and_leave_nothing_open),
	};

	return cmocka_run_group_tests_name("listener", tests, make_dir,
	                                   remove_dir);
}
