/* SPDX-License-Identifier: MIT */
/* cmocka and what its header needs before it. */
#ifndef GTHREADD_TESTS_CMOCKA_ALL_H
#define GTHREADD_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
