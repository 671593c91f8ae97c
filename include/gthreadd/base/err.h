/* SPDX-License-Identifier: MIT */
/*
 * What a fallible function returns. GT_OK is 0; GT_SYS means errno tells why.
 * The HTTP errors carry the status they deserve (gt_status_of_err, http layer).
 */
#ifndef GTHREADD_BASE_ERR_H
#define GTHREADD_BASE_ERR_H

#define GT_ERR_TABLE(X)                                  \
	X(OK, "success")                                 \
	X(SYS, "system call failed")                     \
	X(NOMEM, "out of memory")                        \
	X(AGAIN, "more is needed")                       \
	X(INVALID, "not a valid value")                  \
	X(RANGE, "out of range")                         \
	X(FULL, "no room left")                          \
	X(GONE, "nobody waits for it any more")          \
	X(TIMEOUT, "took too long")                      \
	X(EOF, "ended too early")                        \
	X(PYTHON, "a Python exception")                  \
	X(PROTO, "malformed request")                    \
	X(FORBIDDEN, "not allowed")                      \
	X(LINE_LONG, "request line too long")            \
	X(HEAD_LARGE, "request header fields too large") \
	X(BODY_LARGE, "request body too large")          \
	X(STORAGE, "request body could not be stored")   \
	X(EXPECT, "unknown expectation")                 \
	X(CODING, "unknown transfer coding")             \
	X(VERSION, "HTTP version not supported")

enum gt_err {
#define X(id, text) GT_##id,
	GT_ERR_TABLE(X)
#undef X
};

/* The table's text of err; never NULL. For GT_SYS: strerror(errno). */
const char *gt_err_text(enum gt_err err);

#endif
