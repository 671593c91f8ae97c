/* SPDX-License-Identifier: MIT */
/*
 * gthreadd(8): read the settings, then do what they ask for. Here the layers
 * are joined: config gets the checks of higher layers, the arbiter gets the
 * entries of the children that use Python.
 */
#include <stdio.h>
#include <unistd.h>

#include "gthreadd/arbiter/arbiter.h"
#include "gthreadd/base/addr.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/os.h"
#include "gthreadd/base/start.h"
#include "gthreadd/config/child.h"
#include "gthreadd/config/load.h"
#include "gthreadd/http/response.h"
#include "gthreadd/net/remote.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/stats/access.h"
#include "gthreadd/worker/worker.h"
#include "gthreadd/wsgi/wsgi.h"

static bool
is_app(const char *value, const char **why)
{
	return gt_app_check_syntax(value, why) == GT_OK;
}

static bool
is_access_format(const char *value, const char **why)
{
	struct gt_access_format *format;

	if (gt_access_compile(value, &format, why) != GT_OK)
		return false;
	gt_access_format_destroy(format);
	return true;
}

/* A field that means something else would lose its meaning. */
static bool
is_id_header(const char *value, const char **why)
{
	enum gt_field_id id = gt_field_find(gt_str_of(value));

	*why = "is a field with a meaning of its own";
	return id == GT_FIELD_OTHER || id == GT_FIELD_X_REQUEST_ID;
}

static bool
is_address(const char *value, const char **why)
{
	struct gt_bind bind;

	return gt_bind_parse(gt_str_of(value), &bind, why) == GT_OK;
}

static bool
is_remote(const char *value, const char **why)
{
	return value[0] == '\0' ||
	       gt_remote_check(gt_str_of(value), why) == GT_OK;
}

static const struct gt_config_check checks[] = {
    {"metrics-bind", is_address},
    {"wsgi-app", is_app},
    {"access-logformat", is_access_format},
    {"request-id-header", is_id_header},
    {"log-syslog-to", is_remote},
    {"statsd-host", is_remote},
    {NULL, NULL},
};

static const struct gt_config_host host = {
    .checks = checks,
    .read_python = gt_pyconfig_main,
};

static const struct gt_child_ops children = {
    .worker = gt_worker_main,
    .forkserver = gt_forkserver_main,
    .check = gt_check_main,
    .python_version = gt_interp_version,
};

static void
print_version(void)
{
	printf("gthreadd %s (Python %s, libevent %s)\n", PACKAGE_VERSION,
	       gt_interp_version(), gt_arbiter_libevent_version());
}

static int
act(const struct gt_config *c)
{
	const struct gt_settings *s = gt_config_settings(c);

	switch (gt_config_action(c)) {
	case GT_ACTION_HELP:
		gt_config_help(stdout);
		return GT_EXIT_OK;
	case GT_ACTION_VERSION:
		print_version();
		return GT_EXIT_OK;
	case GT_ACTION_IMPORT:
		fputs(gt_config_import(c), stdout);
		return GT_EXIT_OK;
	case GT_ACTION_PRINT:
		gt_config_log_warnings(c);
		gt_config_print(c, stdout);
		return GT_EXIT_OK;
	case GT_ACTION_CHECK:
		gt_config_log_warnings(c);
		return gt_arbiter_check(s, &children) == GT_EXIT_OK
		           ? GT_EXIT_OK
		           : GT_EXIT_CONFIG;
	case GT_ACTION_RUN:
		break;
	}
	gt_config_log_warnings(c);
	return gt_arbiter_run(s, c, &children);
}

int
main(int argc, char *argv[])
{
	struct gt_config *c;
	int code;

	gt_fd_fill_std();
	gt_os_title_init(argc, &argv);
	gt_start_save(argc, argv, environ);
	if (gt_config_load(argc, argv, environ, &host, stderr, &c) != GT_OK)
		return GT_EXIT_CONFIG;
	code = act(c);
	gt_config_destroy(c);
	return code;
}
