/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/net/inherit.h"

static struct gt_listener
make(int fd, const char *asked, const char *text)
{
	struct gt_listener l = {
	    .fd = fd, .given_fd = -1, .slot = GT_LISTENER_ALL};

	snprintf(l.asked, sizeof(l.asked), "%s", asked);
	snprintf(l.text, sizeof(l.text), "%s", text);
	return l;
}

static int
some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 3);
	return fd;
}

static void
what_is_written_is_read_back(void **state)
{
	int a = some_fd(), b = some_fd();
	struct gt_listener v[] = {
	    make(a, "127.0.0.1:0", "127.0.0.1:40001"),
	    make(-1, "127.0.0.1:1", "127.0.0.1:1"), /* closed */
	    make(b, "unix:/tmp/a b=%\n,\xc3\xa9", "unix:/tmp/a b=%\n,\xc3\xa9"),
	};
	const struct gt_listeners ls = {.v = v, .n = 3};
	struct gt_listeners back;
	struct gt_buf text = {0};

	(void)state;
	v[2].slot = 7;
	assert_int_equal(gt_inherit_write(&ls, &text), GT_OK);
	assert_int_equal(gt_inherit_read(gt_buf_str(&text), &back), GT_OK);
	assert_int_equal(back.n, 2);
	assert_int_equal(back.v[0].fd, a);
	assert_string_equal(back.v[0].asked, "127.0.0.1:0");
	assert_string_equal(back.v[0].text, "127.0.0.1:40001");
	assert_int_equal(back.v[1].fd, b);
	assert_string_equal(back.v[1].text, v[2].text);
	assert_int_equal(back.v[0].slot, GT_LISTENER_ALL);
	assert_int_equal(back.v[1].slot, 7);
	assert_int_equal(fcntl(b, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	gt_listeners_close(&back, false);
	gt_buf_fini(&text);
}

static void
foreign_words_do_no_harm(void **state)
{
	static const char *const wrong[] = {
	    "",
	    " ",
	    "word",
	    "name=value=more",
	    "0=a=b", /* standard input is no listener */
	    "2=a=b",
	    "-3=a=b",
	    "987654=a=b",      /* not open */
	    "99999999999=a=b", /* no descriptor at all */
	    "3",
	    "3=",
	    "3=a",
	    "3=a=",
	    "3==b",
	    "3=a%=b",
	    "3=a%4=b",
	    "3=a%zz=b",
	    "3=a%00b=c",
	    "3=a=b=",
	    "3=a=b=-1",
	    "3=a=b=65536",
	};
	struct gt_listeners ls;
	int fd = dup2(0, 3);

	(void)state;
	assert_int_equal(fd, 3);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(gt_inherit_read(gt_str_of(wrong[i]), &ls),
		                 GT_OK);
		if (ls.n != 0)
			fail_msg("'%s' was taken", wrong[i]);
		gt_listeners_close(&ls, false);
	}
	close(fd);
}

static void
too_long_an_address_is_left_out(void **state)
{
	char word[2 * GT_ADDR_TEXT + 10];
	struct gt_listeners ls;
	int n;

	(void)state;
	n = snprintf(word, sizeof(word), "%d=%0*d=x", some_fd(), GT_ADDR_TEXT,
	             0);
	assert_int_equal(gt_inherit_read((struct gt_str){word, (size_t)n}, &ls),
	                 GT_OK);
	assert_int_equal(ls.n, 0);
	gt_listeners_close(&ls, false);
}

static void
a_copy_has_addresses_only(void **state)
{
	int fd = some_fd();
	struct gt_listener v[] = {make(fd, "unix:/x", "unix:/x")};
	const struct gt_listeners ls = {.v = v, .n = 1};
	struct gt_listeners copy;

	(void)state;
	v[0].unlink_path = strdup("/x");
	assert_int_equal(gt_inherit_copy(&ls, &copy), GT_OK);
	assert_int_equal(copy.v[0].fd, -1);
	assert_null(copy.v[0].unlink_path);
	assert_non_null(gt_listeners_find(&copy, &v[0]));
	gt_listeners_close(&copy, true);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	free(v[0].unlink_path);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(foreign_words_do_no_harm),
	    cmocka_unit_test(too_long_an_address_is_left_out),
	    cmocka_unit_test(a_copy_has_addresses_only),
	};

	return cmocka_run_group_tests_name("net/inherit", tests, NULL, NULL);
}
