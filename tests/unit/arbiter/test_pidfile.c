/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/arbiter/arbiter_priv.h"
#include "../cmocka_all.h"

static char dir[] = "/tmp/gt-pidfile-XXXXXX";
static char path[64];

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
number_in_file(void)
{
	FILE *f = fopen(path, "r");
	char text[32] = "";

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_null(fgets(text + 20, 10, f));
	fclose(f);
	return atoi(text);
}

/* Take the file over, whatever is in it, and remove it again. */
static void
take_and_remove(void)
{
	struct gt_pidfile pf;
	struct stat st;
	pid_t holder;

	assert_int_equal(gt_pidfile_init(&pf, path, &holder), GT_OK);
	assert_int_equal(number_in_file(), getpid());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0022, 0);
	gt_pidfile_fini(&pf);
	assert_int_equal(access(path, F_OK), -1);
}

static void
fresh_file_gets_our_pid_and_goes_with_us(void **state)
{
	(void)state;
	take_and_remove();
}

static void
stale_number_is_taken_over(void **state)
{
	(void)state;
	put("999999\n");
	take_and_remove();
}

static void
number_of_a_living_stranger_is_taken_over(void **state)
{
	char text[16];

	(void)state;
	snprintf(text, sizeof(text), "%d\n", (int)getppid());
	put(text);
	take_and_remove();
}

static void
junk_is_taken_over(void **state)
{
	(void)state;
	put("not a number, and rather longer than any number of a process\n");
	take_and_remove();
}

static void
live_holder_is_refused_by_its_number(void **state)
{
	struct gt_pidfile ours, theirs;
	pid_t holder;

	(void)state;
	assert_int_equal(gt_pidfile_init(&ours, path, &holder), GT_OK);
	assert_int_equal(gt_pidfile_init(&theirs, path, &holder), GT_FULL);
	assert_int_equal(holder, getpid());
	assert_int_equal(theirs.fd, -1);
	assert_int_equal(number_in_file(), getpid());
	gt_pidfile_fini(&ours);
}

static void
file_with_another_number_is_not_removed(void **state)
{
	struct gt_pidfile pf;
	pid_t holder;

	(void)state;
	assert_int_equal(gt_pidfile_init(&pf, path, &holder), GT_OK);
	put("4711\n");
	gt_pidfile_fini(&pf);
	assert_int_equal(number_in_file(), 4711);
	unlink(path);
}

static void
another_file_at_our_path_is_not_removed(void **state)
{
	struct gt_pidfile pf;
	char text[16];
	pid_t holder;

	(void)state;
	assert_int_equal(gt_pidfile_init(&pf, path, &holder), GT_OK);
	assert_int_equal(unlink(path), 0);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	put(text);
	gt_pidfile_fini(&pf);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void
child_that_forgets_it_neither_keeps_the_lock_nor_the_duty(void **state)
{
	struct gt_pidfile pf, next;
	int go[2], status;
	pid_t holder, pid;
	char c;

	(void)state;
	assert_int_equal(pipe(go), 0);
	assert_int_equal(gt_pidfile_init(&pf, path, &holder), GT_OK);
	if ((pid = fork()) == 0) {
		close(go[1]);
		gt_pidfile_forget(&pf);
		_exit(read(go[0], &c, 1) == 0 ? 0 : 1);
	}
	close(go[0]);
	gt_pidfile_forget(&pf);
	usleep(100000);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(gt_pidfile_init(&next, path, &holder), GT_OK);
	gt_pidfile_fini(&next);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
move_replaces_what_nobody_or_only_the_former_one_holds(void **state)
{
	struct gt_pidfile pf, other;
	char second[80];
	pid_t holder, former = getpid() + 1;

	(void)state;
	snprintf(second, sizeof(second), "%s.2", path);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(gt_pidfile_init(&pf, second, &holder), GT_OK);
		if (turn > 0) /* a stale file; one that has a lock still */
			put("4711\n");
		if (turn == 2)
			assert_int_equal(gt_pidfile_init(&other, path, &holder),
			                 GT_OK);
		assert_int_equal(
		    gt_pidfile_move(&pf, path, turn == 2 ? getpid() : former),
		    GT_OK);
		assert_int_equal(access(second, F_OK), -1);
		assert_int_equal(number_in_file(), getpid());
		if (turn == 2)
			gt_pidfile_forget(&other);
		gt_pidfile_fini(&pf);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_int_equal(gt_pidfile_init(&pf, second, &holder), GT_OK);
	assert_int_equal(gt_pidfile_init(&other, path, &holder), GT_OK);
	assert_int_equal(gt_pidfile_move(&pf, path, former), GT_FULL);
	assert_string_equal(pf.path, second);
	gt_pidfile_fini(&other);
	gt_pidfile_fini(&pf);
	assert_int_equal(access(second, F_OK), -1);
}

static void
missing_directory_is_an_error_of_the_system(void **state)
{
	struct gt_pidfile pf;
	pid_t holder;

	(void)state;
	assert_int_equal(gt_pidfile_init(&pf, "/nonexistent/x.pid", &holder),
	                 GT_SYS);
	assert_int_equal(errno, ENOENT);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/pid", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fresh_file_gets_our_pid_and_goes_with_us),
	    cmocka_unit_test(stale_number_is_taken_over),
	    cmocka_unit_test(number_of_a_living_stranger_is_taken_over),
	    cmocka_unit_test(junk_is_taken_over),
	    cmocka_unit_test(live_holder_is_refused_by_its_number),
	    cmocka_unit_test(file_with_another_number_is_not_removed),
	    cmocka_unit_test(another_file_at_our_path_is_not_removed),
	    cmocka_unit_test(
	        child_that_forgets_it_neither_keeps_the_lock_nor_the_duty),
	    cmocka_unit_test(
	        move_replaces_what_nobody_or_only_the_former_one_holds),
	    cmocka_unit_test(missing_directory_is_an_error_of_the_system),
	};

	return cmocka_run_group_tests_name("pidfile", tests, make_dir,
	                                   remove_dir);
}
