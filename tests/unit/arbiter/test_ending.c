/* SPDX-License-Identifier: MIT */
/* How a child has ended, in words and as an exit code. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "../cmocka_all.h"
#include "gthreadd/config/child.h"

#include "../../../src/arbiter/ending_priv.h"

#define EXITED(code) W_EXITCODE(code, 0)
#define KILLED(sig)  W_EXITCODE(0, sig)

static void
check(int status, const char *want, const char *want_of_boot)
{
	char text[100];

	gt_ending_describe(status, text, sizeof(text));
	assert_string_equal(text, want);
	gt_ending_describe_boot(status, text, sizeof(text));
	assert_string_equal(text, want_of_boot);
}

static void
an_exit_is_told_with_its_code(void **state)
{
	(void)state;
	check(EXITED(7), "exited with code 7", "exited with code 7");
	check(EXITED(255), "exited with code 255", "exited with code 255");
}

static void
codes_of_a_boot_have_their_meaning(void **state)
{
	(void)state;
	check(EXITED(GT_EXIT_OK), "exited with code 0", "exited");
	check(EXITED(GT_EXIT_BOOT), "exited with code 3",
	      "could not boot (exit code 3)");
	check(EXITED(GT_EXIT_APP), "exited with code 4",
	      "could not import the application (exit code 4)");
}

static void
a_signal_is_told_with_its_number_and_text(void **state)
{
	const char *killed = "was ended by signal 9 (Killed)";
	const char *crashed =
	    "was ended by signal 11 (Segmentation fault, core dumped)";

	(void)state;
	check(KILLED(SIGKILL), killed, killed);
	check(KILLED(SIGSEGV) | WCOREFLAG, crashed, crashed);
	/* the signals whose numbers are exit codes with a meaning */
	check(KILLED(SIGQUIT), "was ended by signal 3 (Quit)",
	      "was ended by signal 3 (Quit)");
}

static void
only_a_failed_import_is_the_fault_of_the_application(void **state)
{
	(void)state;
	assert_int_equal(gt_ending_exit_code(EXITED(GT_EXIT_APP)), GT_EXIT_APP);
	assert_int_equal(gt_ending_exit_code(EXITED(GT_EXIT_BOOT)),
	                 GT_EXIT_BOOT);
	assert_int_equal(gt_ending_exit_code(EXITED(0)), GT_EXIT_BOOT);
	assert_int_equal(gt_ending_exit_code(EXITED(7)), GT_EXIT_BOOT);
	assert_int_equal(gt_ending_exit_code(KILLED(SIGILL)), GT_EXIT_BOOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_exit_is_told_with_its_code),
	    cmocka_unit_test(codes_of_a_boot_have_their_meaning),
	    cmocka_unit_test(a_signal_is_told_with_its_number_and_text),
	    cmocka_unit_test(
	        only_a_failed_import_is_the_fault_of_the_application),
	};

	return cmocka_run_group_tests_name("arbiter/ending", tests, NULL, NULL);
}
