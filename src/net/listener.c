/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets, opened by the master before it forks. First every
 * specification becomes candidates (resolved addresses), then each candidate
 * is opened: what one of them needs to know of the others (IPV6_V6ONLY) is
 * known by then. May block: name look-ups, waiting for an address in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "listener_priv.h"

#define TRIES 5 /* on EADDRINUSE */

GT_PRINTF(2, 3)
static enum gt_err
fail_with(struct gt_opening *o, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->why, o->why_size, fmt, ap);
	va_end(ap);
	errno = saved;
	return GT_INVALID;
}

/*
 * One of ours that keeps text, an address of the same port, from being bound:
 * the kernel has no way from 127.0.0.1:80 to 0.0.0.0:80 without a gap.
 */
static const char *
find_overlap(const struct gt_opening *o, const char *text)
{
	const struct gt_listeners *kept = o->opt->kept;
	const char *port = strrchr(text, ':');

	for (size_t i = 0; kept != NULL && port != NULL && i < kept->n; i++)
		if (!kept->v[i].is_unix && kept->v[i].fd >= 0 &&
		    gt_str_has_suffix(gt_str_of(kept->v[i].text),
		                      gt_str_of(port)))
			return kept->v[i].text;
	return NULL;
}

/*
 * Do we have text the other way, as one socket or one for each slot? Neither
 * lets the other be bound beside it.
 */
static bool
is_other_way(const struct gt_opening *o, const char *text)
{
	const struct gt_listeners *kept = o->opt->kept;

	for (size_t i = 0; kept != NULL && i < kept->n; i++)
		if (kept->v[i].fd >= 0 && !kept->v[i].is_unix &&
		    strcmp(kept->v[i].text, text) == 0)
			return (kept->v[i].slot == GT_LISTENER_ALL) !=
			       (o->opt->slots == 0);
	return false;
}

static enum gt_err
fail_at(struct gt_opening *o, const char *text)
{
	const char *ours = errno == EADDRINUSE ? find_overlap(o, text) : NULL;

	if (ours != NULL && is_other_way(o, text))
		fail_with(o,
		          "cannot listen on %s: reuse-port was turned %s, that "
		          "needs a restart",
		          text, o->opt->slots > 0 ? "on" : "off");
	else if (ours != NULL)
		fail_with(o,
		          "cannot listen on %s beside %s, which is in use "
		          "by this server: that needs a restart",
		          text, ours);
	else
		fail_with(o, "cannot listen on %s: %s", text, strerror(errno));
	return GT_SYS;
}

static enum gt_err
add_candidate(struct gt_opening *o, size_t spec, const void *sa, socklen_t len,
              int fd)
{
	struct gt_candidate *c;

	if (o->n == GT_BIND_MAX)
		return fail_with(o, "more than %d addresses to listen on",
		                 GT_BIND_MAX);
	c = &o->v[o->n++];
	*c = (struct gt_candidate){.len = len, .fd = fd, .spec = spec};
	if (len == 0) {
		snprintf(c->text, sizeof(c->text), "fd://%d", fd);
		return GT_OK;
	}
	memcpy(&c->sa, sa, len);
	gt_addr_format((const void *)&c->sa, len, c->text);
	return GT_OK;
}

static enum gt_err
resolve_tcp(struct gt_opening *o, size_t spec, const struct gt_bind *b)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                               .ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list, *ai;
	enum gt_err rc = GT_OK;
	size_t first = o->n;
	char port[8];
	int gai;

	snprintf(port, sizeof(port), "%u", b->port);
	if ((gai = getaddrinfo(b->host, port, &hints, &list)) != 0)
		return fail_with(o, "cannot resolve '%s': %s", b->host,
		                 gai == EAI_SYSTEM ? strerror(errno)
		                                   : gai_strerror(gai));
	for (ai = list; ai != NULL && rc == GT_OK; ai = ai->ai_next)
		rc = add_candidate(o, spec, ai->ai_addr, ai->ai_addrlen, -1);
	freeaddrinfo(list);
	for (size_t i = first; i < o->n; i++)
		o->v[i].is_one_of = o->n - first > 1;
	return rc;
}

static enum gt_err
resolve_unix(struct gt_opening *o, size_t spec, const struct gt_bind *b)
{
	struct sockaddr_un un;
	socklen_t len;

	if (gt_addr_unix(b->path, b->kind == GT_BIND_ABSTRACT, &un, &len) !=
	    GT_OK)
		return fail_with(o, "cannot listen on %s: path too long",
		                 b->path);
	return add_candidate(o, spec, &un, len, -1);
}

static enum gt_err
resolve(struct gt_opening *o, size_t spec, const char *text)
{
	const char *why;
	struct gt_bind b;

	if (gt_bind_parse(gt_str_of(text), &b, &why) != GT_OK)
		return fail_with(o, "bind '%s': %s", text, why);
	switch (b.kind) {
	case GT_BIND_TCP:
		return resolve_tcp(o, spec, &b);
	case GT_BIND_FD:
		return add_candidate(o, spec, NULL, 0, b.fd);
	case GT_BIND_UNIX:
	case GT_BIND_ABSTRACT:
		break;
	}
	return resolve_unix(o, spec, &b);
}

static enum gt_err
open_patiently(const struct gt_opening *o, const struct gt_candidate *c,
               bool shared, int *out)
{
	const struct timespec second = {.tv_sec = 1};

	for (int i = 1; i <= TRIES; i++) {
		if (gt_bind_open(o, c, shared, out) == GT_OK)
			return GT_OK;
		if (errno != EADDRINUSE || i == TRIES || o->opt->once ||
		    is_other_way(o, c->text))
			return GT_SYS;
		gt_log_error("address %s is in use, next try in 1s try=%d/%d",
		             c->text, i, TRIES);
		nanosleep(&second, NULL);
	}
	return GT_SYS;
}

/* Read back what fd is bound to: port 0 has become a number. */
static enum gt_err
describe(struct gt_listener *l)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	if (getsockname(l->fd, (void *)&sa, &len) < 0)
		return GT_SYS;
	l->is_unix = sa.ss_family == AF_UNIX;
	gt_addr_format((const void *)&sa, len, l->text);
	gt_addr_text((const void *)&sa, &l->local);
	return GT_OK;
}

static bool
is_open_already(const struct gt_opening *o, const struct gt_candidate *c)
{
	for (size_t i = 0; i < o->out->n; i++) {
		if (c->len != 0 && strcmp(o->out->v[i].text, c->text) == 0)
			return true;
		if (c->len == 0 && o->out->v[i].given_fd == c->fd)
			return true;
	}
	return false;
}

/* The socket we have for this address and slot already. */
static const struct gt_listener *
find_kept(const struct gt_opening *o, const struct gt_candidate *c, int slot)
{
	const struct gt_listeners *kept = o->opt->kept;

	for (size_t i = 0; kept != NULL && i < kept->n; i++)
		if (kept->v[i].slot == slot &&
		    strcmp(kept->v[i].asked, c->text) == 0 &&
		    gt_listeners_find(o->out, &kept->v[i]) == NULL)
			return &kept->v[i];
	return NULL;
}

/* Errors: GT_SYS, GT_INVALID (not a listening stream socket). */
static enum gt_err
open_socket(const struct gt_opening *o, const struct gt_candidate *c, int slot,
            int *out)
{
	const struct gt_listener *kept = find_kept(o, c, slot);

	if (kept != NULL) {
		*out = fcntl(kept->fd, F_DUPFD_CLOEXEC, 3);
		return *out < 0 ? GT_SYS : GT_OK;
	}
	if (c->len != 0)
		return open_patiently(o, c, slot >= 0, out);
	*out = c->fd;
	return gt_bind_adopt(c->fd);
}

static enum gt_err
open_listener(struct gt_opening *o, const struct gt_candidate *c, int slot)
{
	struct gt_listener *l = &o->out->v[o->out->n];
	enum gt_err rc;

	*l = (struct gt_listener){.fd = -1, .given_fd = c->fd, .slot = slot};
	memcpy(l->asked, c->text, sizeof(l->asked));
	if ((rc = open_socket(o, c, slot, &l->fd)) != GT_OK)
		return rc;
	o->out->n++; /* from here on it is closed with the others */
	if ((rc = describe(l)) != GT_OK)
		return rc;
	if (c->len == 0 && !l->is_unix)
		return gt_bind_set_tcp_options(l->fd);
	if (gt_bind_has_path(c) &&
	    (l->unlink_path = strdup(l->text + strlen("unix:"))) == NULL)
		return GT_NOMEM;
	return GT_OK;
}

/*
 * All sockets for one address: one, or one for each slot. What the first is
 * bound to, which may be a port of the kernel's choice, holds for the others.
 */
static enum gt_err
open_address(struct gt_opening *o, const struct gt_candidate *c)
{
	struct gt_candidate same = *c;
	socklen_t len = sizeof(same.sa);
	enum gt_err rc = GT_OK;

	if (c->len == 0 || c->sa.ss_family == AF_UNIX || o->opt->slots == 0)
		return open_listener(o, c, GT_LISTENER_ALL);
	for (unsigned i = 0; i < o->opt->slots && rc == GT_OK; i++) {
		rc = open_listener(o, &same, (int)i);
		if (i == 0 && rc == GT_OK &&
		    getsockname(o->out->v[o->out->n - 1].fd, (void *)&same.sa,
		                &len) < 0)
			rc = GT_SYS;
	}
	return rc;
}

/* Does this machine lack the address (::1 without IPv6, say)? */
static bool
is_absent(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

/*
 * Open what one specification resolved to: v[from] to v[to - 1]. A name may
 * have addresses that this machine lacks, but not only such.
 */
static enum gt_err
open_group(struct gt_opening *o, size_t from, size_t to)
{
	enum gt_err rc = GT_OK;
	size_t opened = 0;

	for (size_t i = from; i < to; i++) {
		if (is_open_already(o, &o->v[i])) {
			opened++;
			continue;
		}
		if ((rc = open_address(o, &o->v[i])) == GT_OK) {
			opened++;
			continue;
		}
		if (rc == GT_INVALID)
			return fail_with(o,
			                 "cannot listen on %s: it is not a "
			                 "listening stream socket",
			                 o->v[i].text);
		fail_at(o, o->v[i].text);
		if (rc != GT_SYS || !o->v[i].is_one_of || !is_absent(errno))
			return rc;
	}
	return opened > 0 ? GT_OK : rc;
}

static enum gt_err
open_all(struct gt_opening *o)
{
	enum gt_err rc;
	size_t i, end;

	if ((o->out->v = calloc(o->n * (o->opt->slots + 1),
	                        sizeof(*o->out->v))) == NULL)
		return GT_NOMEM;
	for (i = 0; i < o->n; i = end) {
		for (end = i; end < o->n && o->v[end].spec == o->v[i].spec;)
			end++;
		if ((rc = open_group(o, i, end)) != GT_OK)
			return rc;
	}
	return GT_OK;
}

/* What was opened; the files of those that we have already stay. */
static void
close_again(struct gt_opening *o)
{
	const struct gt_listeners *kept = o->opt->kept;
	struct gt_listener *l;

	for (size_t i = 0; kept != NULL && i < o->out->n; i++) {
		l = &o->out->v[i];
		if (gt_listeners_find(kept, l) == NULL)
			continue;
		free(l->unlink_path);
		l->unlink_path = NULL;
	}
	gt_listeners_close(o->out, true);
}

enum gt_err
gt_listeners_open(const char *const *specs, size_t nspecs,
                  const struct gt_listen_options *opt, struct gt_listeners *out,
                  char *why, size_t n)
{
	struct gt_opening o = {
	    .opt = opt, .out = out, .why = why, .why_size = n};
	enum gt_err rc = GT_OK;

	*out = (struct gt_listeners){0};
	if ((o.v = calloc(GT_BIND_MAX, sizeof(*o.v))) == NULL)
		rc = GT_NOMEM;
	for (size_t i = 0; i < nspecs && rc == GT_OK; i++)
		rc = resolve(&o, i, specs[i]);
	if (rc == GT_OK && o.n == 0)
		rc = fail_with(&o, "no address to listen on");
	if (rc == GT_OK)
		rc = open_all(&o);
	if (rc == GT_NOMEM)
		fail_with(&o, "out of memory");
	if (rc != GT_OK)
		close_again(&o);
	free(o.v);
	return rc;
}

const struct gt_listener *
gt_listeners_find(const struct gt_listeners *ls, const struct gt_listener *l)
{
	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].slot == l->slot &&
		    strcmp(ls->v[i].text, l->text) == 0)
			return &ls->v[i];
	return NULL;
}

size_t
gt_listeners_address(const struct gt_listeners *ls, size_t i)
{
	size_t number = 0;

	for (; i > 0; i--)
		number += ls->v[i].slot <= 0; /* the first socket of one */
	return number % GT_BIND_MAX; /* the words of USR2 may have more */
}

void
gt_listeners_close(struct gt_listeners *ls, bool unlink_them)
{
	int saved = errno;

	for (size_t i = 0; i < ls->n; i++) {
		gt_fd_close(&ls->v[i].fd);
		if (unlink_them && ls->v[i].unlink_path != NULL)
			unlink(ls->v[i].unlink_path);
		free(ls->v[i].unlink_path);
	}
	free(ls->v);
	*ls = (struct gt_listeners){0};
	errno = saved;
}
