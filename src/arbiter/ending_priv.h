/* SPDX-License-Identifier: MIT */
/*
 * How a child has ended: the words that go behind its name, and what follows
 * from it for the server's exit code. status is that of waitpid(2).
 */
#ifndef GTHREADD_ARBITER_ENDING_PRIV_H
#define GTHREADD_ARBITER_ENDING_PRIV_H

#include <stddef.h>

/*
 * "exited with code 7", "was ended by signal 11 (Segmentation fault)"; cut at
 * n octets. 100 are enough.
 */
void gt_ending_describe(int status, char *out, size_t n);
/* The same of a process that boots the application: its codes have a meaning */
void gt_ending_describe_boot(int status, char *out, size_t n);
/* The server's exit code when this child was to make it ready. */
int gt_ending_exit_code(int status);

#endif
