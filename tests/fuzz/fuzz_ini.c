/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any text as an INI file, up to the resolved settings.
 * Every line of the report must be one line of printable octets or UTF-8.
 */
#include <stdlib.h>

#include "../../src/config/config_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_report(const struct gt_buf *errors)
{
	for (size_t i = 0; i < errors->len; i++)
		if ((unsigned char)errors->p[i] < 0x20 && errors->p[i] != '\n')
			abort();
	if (errors->len > 0 && errors->p[errors->len - 1] != '\n')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gt_config c = {0};

	gt_config_init(&c);
	gt_ini_parse(&c, "fuzz.ini", (struct gt_str){(const char *)data, size});
	gt_config_apply(&c, NULL);
	gt_config_resolve(&c, "/", NULL);
	check_report(&c.errors);
	gt_config_fini(&c);
	return 0;
}
