/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/fd.h"

static int
file_of(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(gt_fd_write_all(fd, text, strlen(text)), GT_OK);
	return fd;
}

static void
a_file_is_added_wherever_it_stands(void **state)
{
	struct gt_buf b = {0};
	int fd = file_of("world");

	(void)state;
	assert_int_equal(gt_buf_add(&b, "hello ", 6), GT_OK);
	assert_int_equal(gt_fd_read_file(fd, 100, &b), GT_OK);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.p, "hello world", 11);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
	gt_buf_fini(&b);
	close(fd);
}

static void
a_file_is_cut_where_it_is_too_long(void **state)
{
	struct gt_buf b = {0};
	int fd = file_of("0123456789"), empty = file_of("");

	(void)state;
	assert_int_equal(gt_fd_read_file(fd, 4, &b), GT_OK);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.p, "0123", 4);
	assert_int_equal(gt_fd_read_file(empty, 4, &b), GT_OK);
	assert_int_equal(b.len, 4);
	gt_buf_fini(&b);
	close(fd);
	close(empty);
}

static void
what_is_no_file_is_an_error(void **state)
{
	struct gt_buf b = {0};
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(gt_fd_read_file(fd[0], 4, &b), GT_SYS);
	assert_int_equal(errno, ESPIPE);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(gt_fd_read_file(fd[0], 4, &b), GT_SYS);
	assert_int_equal(errno, EBADF);
	assert_int_equal(b.len, 0);
	gt_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_is_added_wherever_it_stands),
	    cmocka_unit_test(a_file_is_cut_where_it_is_too_long),
	    cmocka_unit_test(what_is_no_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
