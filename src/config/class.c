/* SPDX-License-Identifier: MIT */
/*
 * The many names of gunicorn's worker classes: those that mean a kind of this
 * build, and for the others what to use in their place.
 */
#include <string.h>

#include "config_priv.h"

static const struct {
	const char *name;
	const char *canonical;
} names[] = {
    {"egg:gunicorn#gthread", "gthread"},
    {"gunicorn.workers.gthread.ThreadWorker", "gthread"},
    {"egg:gunicorn#sync", "sync"},
    {"gunicorn.workers.sync.SyncWorker", "sync"},
};

static bool
is_class(const struct gt_setting *s)
{
	return s == &gt_setting_table[GT_S_worker_class];
}

const char *
gt_class_canonical(const struct gt_setting *s, const char *value)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_class(s) && strcmp(value, names[i].name) == 0)
			return names[i].canonical;
	return value;
}

const char *
gt_class_hint(const struct gt_setting *s, const char *value)
{
	static const char *const green[] = {"gevent", "eventlet", "tornado"};
	static const char *const async[] = {"asgi", "uvicorn", "gaiohttp",
	                                    "aiohttp"};

	if (!is_class(s))
		return "";
	for (size_t i = 0; i < sizeof(green) / sizeof(green[0]); i++)
		if (strstr(value, green[i]) != NULL)
			return "; gthread serves slow and idle clients without "
			       "a thread, and threads says how many requests "
			       "wait at a time";
	for (size_t i = 0; i < sizeof(async) / sizeof(async[0]); i++)
		if (strstr(value, async[i]) != NULL)
			return "; ASGI applications are not served, WSGI ones "
			       "by gthread";
	return "";
}
