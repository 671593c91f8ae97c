/* SPDX-License-Identifier: MIT */
/* How a child has ended, in words. Any thread; knows no child. */
#include "ending_priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "gthreadd/config/child.h"

void
gt_ending_describe(int status, char *out, size_t n)
{
	if (WIFEXITED(status))
		snprintf(out, n, "exited with code %d", WEXITSTATUS(status));
	else
		snprintf(out, n, "was ended by signal %d (%s%s)",
		         WTERMSIG(status), strsignal(WTERMSIG(status)),
		         WCOREDUMP(status) ? ", core dumped" : "");
}

void
gt_ending_describe_boot(int status, char *out, size_t n)
{
	switch (WIFEXITED(status) ? WEXITSTATUS(status) : -1) {
	case GT_EXIT_OK:
		snprintf(out, n, "exited");
		break;
	case GT_EXIT_BOOT:
		snprintf(out, n, "could not boot (exit code %d)", GT_EXIT_BOOT);
		break;
	case GT_EXIT_APP:
		snprintf(out, n,
		         "could not import the application (exit code %d)",
		         GT_EXIT_APP);
		break;
	default:
		gt_ending_describe(status, out, n);
	}
}

int
gt_ending_exit_code(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == GT_EXIT_APP
	           ? GT_EXIT_APP
	           : GT_EXIT_BOOT;
}
