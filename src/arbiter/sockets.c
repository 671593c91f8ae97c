/* SPDX-License-Identifier: MIT */
/*
 * From the settings to listening sockets: those that systemd passes come
 * first, then what bind says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/mem.h"
#include "gthreadd/base/parse.h"

#include "arbiter_priv.h"

#define LISTEN_FDS_START 3
#define DEFAULT_BIND     "127.0.0.1:8000"

static uint64_t
number_in_env(const char *name)
{
	const char *value = getenv(name);
	uint64_t n;

	if (value == NULL || gt_parse_decimal(gt_str_of(value), &n) != GT_OK)
		return 0;
	return n;
}

/*
 * How many sockets we were given (sd_listen_fds(3)). The variables are
 * removed, so that no child takes them for its own.
 */
static size_t
take_listen_fds(void)
{
	uint64_t pid = number_in_env("LISTEN_PID");
	uint64_t n = number_in_env("LISTEN_FDS");

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	if (pid != (uint64_t)getpid())
		return 0;
	/* Too many are refused when they are opened. */
	return n < GT_BIND_MAX ? (size_t)n : GT_BIND_MAX + 1;
}

/* Their names, NAME:NAME; without any, a new program gets those of the old. */
GT_ON_MASTER static void
take_names(struct gt_arbiter *a)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if (names != NULL && a->ninherited > 0)
		a->fd_names = strdup(names); /* NULL: then there are none */
	unsetenv("LISTEN_FDNAMES");
}

struct gt_str
gt_sockets_name(const struct gt_arbiter *a, const struct gt_listener *l)
{
	struct gt_str rest, name;

	if (a->fd_names == NULL || l->given_fd < LISTEN_FDS_START)
		return (struct gt_str){NULL, 0};
	rest = gt_str_of(a->fd_names);
	for (int fd = LISTEN_FDS_START; gt_str_split(&rest, ':', &name); fd++)
		if (fd == l->given_fd)
			return name;
	return (struct gt_str){NULL, 0};
}

/*
 * With sockets from systemd the default address is not wanted beside them
 * (gunicorn then ignores bind altogether).
 */
static bool
is_default_bind(const struct gt_strv *bind)
{
	return bind->n == 1 && strcmp(bind->v[0], DEFAULT_BIND) == 0;
}

static void
free_specs(char **v)
{
	for (size_t i = 0; v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

/*
 * The specifications, NULL-terminated; ninherited of them are "fd://N".
 * NULL: out of memory.
 */
static char **
make_specs(const struct gt_strv *bind, size_t ninherited, size_t *n)
{
	size_t nbinds = ninherited > 0 && is_default_bind(bind) ? 0 : bind->n;
	char **v = calloc(ninherited + nbinds + 1, sizeof(*v));

	for (*n = 0; v != NULL && *n < ninherited + nbinds; ++*n) {
		if (*n >= ninherited)
			v[*n] = strdup(bind->v[*n - ninherited]);
		else if (asprintf(&v[*n], "fd://%zu", LISTEN_FDS_START + *n) <
		         0)
			v[*n] = NULL;
		if (v[*n] == NULL) {
			free_specs(v);
			return NULL;
		}
	}
	return v;
}

/* A longer backlog than the kernel allows is cut without a word. */
static void
warn_capped_backlog(uint64_t backlog)
{
	char text[32];
	struct gt_str s = {text, 0};
	uint64_t limit;
	ssize_t n;
	int fd;

	fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n > 0)
		s.n = (size_t)n - (text[n - 1] == '\n');
	if (gt_parse_decimal(s, &limit) == GT_OK && limit < backlog)
		gt_log_warning("backlog is capped by the kernel backlog=%llu "
		               "net.core.somaxconn=%llu",
		               (unsigned long long)backlog,
		               (unsigned long long)limit);
}

/* The user who serves owns the unix sockets too, as in gunicorn. */
static void
give_to_user(const struct gt_arbiter *a, const struct gt_listeners *ls)
{
	const struct gt_listener *l;

	if (geteuid() != 0 || (a->user.uid == 0 && a->user.gid == 0))
		return;
	for (size_t i = 0; i < ls->n; i++) {
		l = &ls->v[i];
		if (l->unlink_path != NULL &&
		    lchown(l->unlink_path, a->user.uid, a->user.gid) < 0)
			gt_log_warning("owner of %s cannot be set: %s", l->text,
			               strerror(errno));
	}
}

GT_ON_MASTER static void
log_listeners(const struct gt_arbiter *a, const struct gt_listeners *ls,
              const struct gt_listeners *kept)
{
	struct gt_str name;

	for (size_t i = 0; i < ls->n; i++) {
		if (ls->v[i].slot > 0 ||
		    (kept != NULL &&
		     gt_listeners_find(kept, &ls->v[i]) != NULL))
			continue;
		name = gt_sockets_name(a, &ls->v[i]);
		gt_log_info("listening at: %s%s (%d)%s%.*s",
		            ls->v[i].is_unix ? "" : "http://", ls->v[i].text,
		            (int)getpid(), name.n > 0 ? " name=" : "",
		            (int)name.n, name.n > 0 ? name.p : "");
	}
}

/* The slots of kept stay: connections may wait in them. */
static unsigned
count_slots(const struct gt_settings *s, const struct gt_listeners *kept)
{
	unsigned n = s->workers > 0 ? (unsigned)s->workers : 1;

	if (!s->reuse_port)
		return 0;
	for (size_t i = 0; i < kept->n; i++)
		if (kept->v[i].slot >= (int)n)
			n = (unsigned)kept->v[i].slot + 1;
	return n;
}

enum gt_err
gt_sockets_open(struct gt_arbiter *a, struct gt_generation *g, char *why,
                size_t n)
{
	const struct gt_settings *s = g->settings;
	const struct gt_listen_options opt = {
	    .backlog = (int)s->backlog,
	    .has_socket_mode = true, /* config has filled it in */
	    .socket_mode = s->socket_mode,
	    .kept = g == a->gen ? &a->upgrade.shared : &a->gen->listeners,
	    .once = g != a->gen, /* others are being served meanwhile */
	    .slots = count_slots(s, g == a->gen ? &a->upgrade.shared
	                                        : &a->gen->listeners),
	};
	size_t nspecs;
	enum gt_err rc;
	char **specs;

	if (g == a->gen) {
		a->ninherited += take_listen_fds();
		take_names(a);
	}
	if ((specs = make_specs(&s->bind, a->ninherited, &nspecs)) == NULL) {
		snprintf(why, n, "out of memory");
		return GT_NOMEM;
	}
	rc = gt_listeners_open((const char *const *)specs, nspecs, &opt,
	                       &g->listeners, why, n);
	free_specs(specs);
	if (rc != GT_OK)
		return rc;
	if (g == a->gen)
		warn_capped_backlog(s->backlog);
	give_to_user(a, &g->listeners);
	log_listeners(a, &g->listeners, g == a->gen ? NULL : opt.kept);
	if (g == a->gen)
		gt_heir_adopt(a);
	return GT_OK;
}

void
gt_sockets_close(const struct gt_arbiter *a, struct gt_generation *g,
                 const struct gt_generation *heir)
{
	struct gt_listener *l;

	for (size_t i = 0; i < g->listeners.n; i++) {
		l = &g->listeners.v[i];
		if (l->fd >= 0 && l->unlink_path != NULL &&
		    !gt_reexec_shares(a, l) &&
		    (heir == NULL ||
		     gt_listeners_find(&heir->listeners, l) == NULL))
			unlink(l->unlink_path);
		gt_fd_close(&l->fd);
	}
}
