/* SPDX-License-Identifier: MIT */
/* One listening socket: what it leaves alone, and what it leaves behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../src/net/listener_priv.h"
#include "../cmocka_all.h"

static char dir[] = "/tmp/gt-bind-XXXXXX";
static char path[64];
static struct gt_listen_options opt;
static struct gt_opening opening;

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int
set_up(void **state)
{
	(void)state;
	opt = (struct gt_listen_options){.backlog = 1};
	opening = (struct gt_opening){.opt = &opt};
	return 0;
}

static struct gt_candidate
at_path(const char *name)
{
	struct gt_candidate c = {.fd = -1};
	struct sockaddr_un un;

	assert_int_equal(gt_addr_unix(name, false, &un, &c.len), GT_OK);
	memcpy(&c.sa, &un, c.len);
	return c;
}

static struct gt_candidate
at_port(unsigned port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct gt_candidate c = {.fd = -1, .len = sizeof(in)};

	memcpy(&c.sa, &in, sizeof(in));
	return c;
}

static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* It fails with that error, and leaves no descriptor and no other umask. */
static void
assert_fails(const struct gt_candidate *c, bool shared, int error)
{
	unsigned before = count_fds();
	mode_t mask = umask(0);
	int fd = -1;

	umask(mask);
	errno = 0;
	assert_int_equal(gt_bind_open(&opening, c, shared, &fd), GT_SYS);
	assert_int_equal(errno, error);
	assert_int_equal(fd, -1);
	assert_int_equal(umask(mask), mask);
	assert_int_equal(count_fds(), before);
}

static void
failures_keep_their_reason_and_leave_nothing(void **state)
{
	struct gt_candidate c;
	char name[80];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s/none/s", dir);
	c = at_path(name);
	assert_fails(&c, false, ENOENT);
	c = at_path("/proc/version/s");
	assert_fails(&c, false, ENOTDIR);
	c = at_path(dir);
	assert_fails(&c, false, EEXIST);
	c = at_port(0);
	c.sa.ss_family = AF_UNSPEC;
	assert_fails(&c, false, EAFNOSUPPORT);
	/* 192.0.2.0/24 is nobody's. */
	c = at_port(0);
	((struct sockaddr_in *)(void *)&c.sa)->sin_addr.s_addr =
	    htonl(0xc0000201);
	assert_fails(&c, false, EADDRNOTAVAIL);
	assert_int_equal(access(dir, F_OK), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	c = at_path(path);
	assert_fails(&c, false, EEXIST);
	assert_int_equal(unlink(path), 0);
}

/* connect(2) says EAGAIN then, which is no reason to take its place. */
static void
a_socket_whose_backlog_is_full_is_in_use(void **state)
{
	struct gt_candidate c = at_path(path);
	int fd, client[64], n = 0;

	(void)state;
	opt.backlog = 0;
	assert_int_equal(gt_bind_open(&opening, &c, false, &fd), GT_OK);
	do {
		assert_true(n < 64);
		client[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(client[n] >= 0);
	} while (connect(client[n++], (const void *)&c.sa, c.len) == 0);
	assert_int_equal(errno, EAGAIN);
	assert_fails(&c, false, EADDRINUSE);
	while (n > 0)
		close(client[--n]);
	close(fd);
	/* Nobody listens there now. */
	assert_int_equal(gt_bind_open(&opening, &c, false, &fd), GT_OK);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void
mode_is_there_from_the_first_moment(void **state)
{
	struct gt_candidate c = at_path(path);
	mode_t mask = umask(027);
	struct stat st;
	int fd;

	(void)state;
	opt.has_socket_mode = true;
	opt.socket_mode = 0611;
	assert_int_equal(gt_bind_open(&opening, &c, false, &fd), GT_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0611);
	assert_int_equal(umask(mask), 027);
	assert_true(gt_bind_has_path(&c));
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static unsigned
port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	assert_int_equal(getsockname(fd, (void *)&in, &len), 0);
	return ntohs(in.sin_port);
}

static void
a_port_is_shared_only_by_those_that_ask_for_it(void **state)
{
	struct gt_candidate c = at_port(0);
	int first, second;

	(void)state;
	assert_int_equal(gt_bind_open(&opening, &c, true, &first), GT_OK);
	c = at_port(port_of(first));
	assert_int_equal(gt_bind_open(&opening, &c, true, &second), GT_OK);
	assert_fails(&c, false, EADDRINUSE);
	close(first);
	close(second);
	assert_int_equal(gt_bind_open(&opening, &c, false, &first), GT_OK);
	assert_fails(&c, true, EADDRINUSE);
	assert_false(gt_bind_has_path(&c));
	close(first);
}

static void
what_is_given_must_be_a_listening_stream(void **state)
{
	struct gt_candidate c = at_port(0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(gt_bind_adopt(fd), GT_INVALID);
	close(fd);
	assert_int_equal(gt_bind_adopt(fd), GT_SYS);
	assert_int_equal(errno, EBADF);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(gt_bind_adopt(fd), GT_INVALID);
	assert_int_equal(bind(fd, (const void *)&c.sa, c.len), 0);
	assert_int_equal(gt_bind_adopt(fd), GT_INVALID);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(gt_bind_adopt(fd), GT_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(gt_bind_adopt(fd), GT_SYS);
	assert_int_equal(errno, ENOTSOCK);
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
	    T(failures_keep_their_reason_and_leave_nothing),
	    T(a_socket_whose_backlog_is_full_is_in_use),
	    T(mode_is_there_from_the_first_moment),
	    T(a_port_is_shared_only_by_those_that_ask_for_it),
	    T(what_is_given_must_be_a_listening_stream),
	};

	return cmocka_run_group_tests_name("bind", tests, make_dir, remove_dir);
}
