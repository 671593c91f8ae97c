/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

#define RING 4096
#define BODY (5 * RING + 123)

static struct gt_settings settings = {.response_buffer = 65536};
static struct gt_service service = {.settings = &settings};
static char dir[] = "/tmp/gt-spool-XXXXXX";

/* A file system that has no files without a name: the linker puts it here. */
static bool lacks_nameless, was_refused;

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);

int
__wrap_open(const char *path, int flags, mode_t mode)
{
	if (!lacks_nameless || (flags & O_TMPFILE) != O_TMPFILE)
		return __real_open(path, flags, mode);
	was_refused = true;
	errno = EOPNOTSUPP;
	return -1;
}

static void
no_wake(void *arg)
{
	(void)arg;
}

static char
octet(size_t i)
{
	return (char)(i * 7 + i / 256);
}

static int
make_dir(void **state)
{
	(void)state;
	settings.tmp_upload_dir = mkdtemp(dir);
	return settings.tmp_upload_dir == NULL;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir); /* fails when a file was left */
}

/* A ring that is full, and the rest of n octets behind it in the file. */
GT_ON_LOOP static struct gt_exchange *
spooled(size_t n)
{
	struct gt_exchange *ex;
	char *p, c;

	gt_mailbox_init(&service.mailbox, no_wake, NULL);
	assert_int_equal(gt_exchange_create(&service, &ex), GT_OK);
	assert_int_equal(gt_inbox_open(ex, RING), GT_OK);
	assert_int_equal(gt_inbox_room(ex, &p), RING);
	for (size_t i = 0; i < RING; i++)
		p[i] = octet(i);
	gt_inbox_filled(ex, RING);
	assert_int_equal(gt_inbox_free(ex), 0);
	for (size_t i = RING; i < n; i++) {
		c = octet(i);
		assert_int_equal(gt_inbox_spool(ex, &c, 1), GT_OK);
	}
	return ex;
}

/* All octets there are, compared; piece at a time. */
static size_t
read_all(struct gt_exchange *ex, size_t from, size_t piece)
{
	size_t at = from;
	struct gt_str s;

	while (!gt_inbox_would_wait(ex) && gt_inbox_wait(ex) == GT_OK) {
		s = gt_inbox_peek(ex);
		if (s.n > piece)
			s.n = piece;
		for (size_t i = 0; i < s.n; i++)
			assert_int_equal(s.p[i], octet(at + i));
		gt_inbox_consume(ex, s.n);
		at += s.n;
	}
	return at - from;
}

static void
a_spooled_body_comes_out_as_it_went_in(void **state)
{
	static const size_t piece[] = {1, 1000, RING, 100000};

	(void)state;
	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++) {
		struct gt_exchange *ex = spooled(BODY);

		gt_inbox_end(ex);
		assert_int_equal(read_all(ex, 0, piece[i]), BODY);
		assert_int_equal(gt_inbox_wait(ex), GT_EOF);
		assert_true(gt_inbox_is_over(ex));
		assert_null(gt_mailbox_take(&service.mailbox));
		gt_exchange_destroy(ex);
	}
}

static void
the_file_has_no_name_and_goes_with_the_exchange(void **state)
{
	struct gt_exchange *ex;
	struct stat st;
	int fd;

	(void)state;
	gt_assert_loop();
	ex = spooled(BODY);
	fd = ex->in.spool_fd;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_size, BODY - RING);
	assert_int_equal(st.st_mode & 077, 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	gt_exchange_reset(ex);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(ex->in.spool_fd, -1);
	gt_exchange_destroy(ex);
}

static void
the_loop_fills_the_ring_again_behind_the_file(void **state)
{
	struct gt_exchange *ex;
	size_t n;
	char *p;

	(void)state;
	gt_assert_loop();
	ex = spooled(2 * RING);
	assert_int_equal(gt_inbox_free(ex), 0);
	gt_inbox_consume(ex, RING);
	assert_int_equal(gt_inbox_free(ex), 0); /* the file comes first */
	assert_null(gt_mailbox_take(&service.mailbox));
	assert_int_equal(read_all(ex, RING, RING), RING);
	assert_ptr_equal(gt_mailbox_take(&service.mailbox), ex);
	n = gt_inbox_room(ex, &p);
	assert_int_equal(n, RING);
	for (size_t i = 0; i < n; i++)
		p[i] = octet(2 * RING + i);
	gt_inbox_filled(ex, n);
	gt_inbox_end(ex);
	assert_int_equal(read_all(ex, 2 * RING, 999), RING);
	assert_true(gt_inbox_is_over(ex));
	gt_exchange_destroy(ex);
}

static void
a_file_that_became_shorter_cuts_the_body(void **state)
{
	struct gt_exchange *ex;

	(void)state;
	gt_assert_loop();
	ex = spooled(BODY);
	gt_inbox_end(ex);
	assert_int_equal(ftruncate(ex->in.spool_fd, 10), 0);
	assert_int_equal(read_all(ex, 0, RING), RING);
	assert_int_equal(gt_inbox_wait(ex), GT_STORAGE);
	assert_false(gt_inbox_is_over(ex));
	gt_exchange_destroy(ex);
}

static void
a_file_system_without_nameless_files_will_do(void **state)
{
	char got[5];
	struct stat st;
	enum gt_err rc;
	int fd;

	(void)state;
	lacks_nameless = true;
	rc = gt_spool_open(dir, &fd);
	lacks_nameless = false;
	assert_int_equal(rc, GT_OK);
	assert_true(was_refused);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(gt_spool_write(fd, 7, "octet", 5), GT_OK);
	assert_int_equal(gt_spool_read(fd, 7, got, 5), GT_OK);
	assert_memory_equal(got, "octet", 5);
	close(fd);
}

static void
a_directory_that_is_not_there_is_an_error(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(gt_spool_open("/nonexistent/dir", &fd), GT_SYS);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_spooled_body_comes_out_as_it_went_in),
	    cmocka_unit_test(the_file_has_no_name_and_goes_with_the_exchange),
	    cmocka_unit_test(the_loop_fills_the_ring_again_behind_the_file),
	    cmocka_unit_test(a_file_that_became_shorter_cuts_the_body),
	    cmocka_unit_test(a_file_system_without_nameless_files_will_do),
	    cmocka_unit_test(a_directory_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("exchange/spool", tests, make_dir,
	                                   remove_dir);
}
