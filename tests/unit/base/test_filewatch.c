/* SPDX-License-Identifier: MIT */
/* Which files have changed since they were seen. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gthreadd/base/filewatch.h"

static char dir[] = "/tmp/gt-watch-XXXXXX";
static char path[64], other[64];
static struct gt_filewatch *w;

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
init(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/a.py", dir);
	snprintf(other, sizeof(other), "%s/b.py", dir);
	write_file(path, "1");
	return 0;
}

static int
fini(void **state)
{
	(void)state;
	gt_filewatch_destroy(w);
	unlink(path);
	unlink(other);
	rmdir(dir);
	strcpy(dir, "/tmp/gt-watch-XXXXXX");
	w = NULL;
	return 0;
}

static void
create(bool wants_inotify)
{
	assert_int_equal(gt_filewatch_create(wants_inotify, &w), GT_OK);
	assert_int_equal(gt_filewatch_add(w, path, 0), GT_OK);
}

static void
a_file_that_stays_has_not_changed(void **state)
{
	(void)state;
	create(false);
	assert_int_equal(gt_filewatch_fd(w), -1);
	assert_null(gt_filewatch_changed(w));
}

static void
another_size_time_or_inode_is_a_change(void **state)
{
	static const struct timespec past[2] = {{.tv_sec = 1000},
	                                        {.tv_sec = 1000}};

	create(false);
	write_file(path, "22");
	assert_string_equal(gt_filewatch_changed(w), path);
	fini(state);
	init(state);
	create(false);
	assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
	assert_string_equal(gt_filewatch_changed(w), path);
	gt_filewatch_destroy(w);
	create(false);
	write_file(other, "1");
	assert_int_equal(utimensat(AT_FDCWD, other, past, 0), 0);
	assert_int_equal(rename(other, path), 0);
	assert_string_equal(gt_filewatch_changed(w), path);
}

static void
a_file_that_is_away_has_not_changed_until_it_is_back(void **state)
{
	(void)state;
	create(false);
	assert_int_equal(unlink(path), 0);
	assert_null(gt_filewatch_changed(w));
	write_file(path, "333");
	assert_string_equal(gt_filewatch_changed(w), path);
}

static void
a_change_after_a_moment_counts(void **state)
{
	struct stat st;
	int64_t at;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	at = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	assert_int_equal(gt_filewatch_create(false, &w), GT_OK);
	assert_int_equal(gt_filewatch_add(w, path, at + 1000000), GT_OK);
	assert_null(gt_filewatch_changed(w));
	gt_filewatch_destroy(w);
	assert_int_equal(gt_filewatch_create(false, &w), GT_OK);
	assert_int_equal(gt_filewatch_add(w, path, at), GT_OK);
	assert_string_equal(gt_filewatch_changed(w), path);
}

static void
what_is_watched_or_missing_may_be_added_again(void **state)
{
	(void)state;
	create(false);
	write_file(path, "22");
	assert_int_equal(gt_filewatch_add(w, path, 0), GT_OK);
	assert_int_equal(gt_filewatch_add(w, other, 0), GT_OK);
	assert_string_equal(gt_filewatch_changed(w), path);
}

static void
a_thousand_files_are_told_apart(void **state)
{
	char name[96];

	(void)state;
	assert_int_equal(gt_filewatch_create(false, &w), GT_OK);
	for (int i = 0; i < 1000; i++) { /* names of one file */
		int n = snprintf(name, sizeof(name), "%s/", dir);

		for (int bit = 1; bit < 1024; bit *= 2)
			n += snprintf(name + n, sizeof(name) - (size_t)n, "%s",
			              (i & bit) != 0 ? "./" : "/");
		snprintf(name + n, sizeof(name) - (size_t)n, "a.py");
		assert_int_equal(gt_filewatch_add(w, name, 0), GT_OK);
	}
	assert_null(gt_filewatch_changed(w));
	write_file(path, "22");
	assert_non_null(gt_filewatch_changed(w));
}

static void
inotify_tells_when_to_look(void **state)
{
	struct pollfd p = {.events = POLLIN};

	(void)state;
	create(true);
	p.fd = gt_filewatch_fd(w);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	write_file(other, "2");
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	gt_filewatch_drain(w);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_string_equal(gt_filewatch_changed(w), path);
}

#define T(f) cmocka_unit_test_setup_teardown(f, init, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_file_that_stays_has_not_changed),
	    T(another_size_time_or_inode_is_a_change),
	    T(a_file_that_is_away_has_not_changed_until_it_is_back),
	    T(a_change_after_a_moment_counts),
	    T(what_is_watched_or_missing_may_be_added_again),
	    T(a_thousand_files_are_told_apart),
	    T(inotify_tells_when_to_look),
	};

	return cmocka_run_group_tests_name("base filewatch", tests, NULL, NULL);
}
