/* SPDX-License-Identifier: MIT */
/*
 * Watched files: a list with what stat said, and a tree of the same for
 * look-up. inotify watches their directories, since editors put a new file in
 * the place of the old one.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/filewatch.h"

/* The clock of file times may be so far behind: a tick of the kernel. */
#define CLOCK_SLACK_US 10000

struct watched {
	struct timespec mtime;
	off_t size;
	ino_t inode;
	char path[];
};

struct gt_filewatch {
	struct watched **v;
	size_t n, cap;
	void *tree; /* of the same, by path */
	int fd;     /* inotify; -1: none */
};

enum gt_err
gt_filewatch_create(bool wants_inotify, struct gt_filewatch **out)
{
	struct gt_filewatch *w = calloc(1, sizeof(*w));

	if ((*out = w) == NULL)
		return GT_NOMEM;
	w->fd = wants_inotify ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
	if (!wants_inotify || w->fd >= 0)
		return GT_OK;
	free(w);
	*out = NULL;
	return GT_SYS;
}

static void
keep(void *node)
{
	(void)node; /* the list owns it */
}

void
gt_filewatch_destroy(struct gt_filewatch *w)
{
	if (w == NULL)
		return;
	tdestroy(w->tree, keep);
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	gt_fd_close(&w->fd);
	free(w);
}

static int
compare(const void *a, const void *b)
{
	const struct watched *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void
note(struct watched *f, const struct stat *st, int64_t since_us)
{
	int64_t at =
	    (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;

	f->mtime = st->st_mtim;
	f->size = st->st_size;
	f->inode = st->st_ino;
	if (since_us > 0 && at >= since_us - CLOCK_SLACK_US)
		f->size = -1; /* no file is like that: it has changed */
}

/* false: it cannot be watched. */
static bool
watch_directory(struct gt_filewatch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	bool done;

	if (w->fd < 0)
		return true;
	dir = slash == NULL || slash == path
	          ? strdup(slash == NULL ? "." : "/")
	          : strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return false;
	done = inotify_add_watch(w->fd, dir,
	                         IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE |
	                             IN_DELETE) >= 0;
	free(dir);
	return done;
}

static enum gt_err
append(struct gt_filewatch *w, struct watched *f)
{
	size_t cap = w->cap == 0 ? 256 : 2 * w->cap;
	struct watched **v;

	if (w->n == w->cap) {
		if ((v = reallocarray(w->v, cap, sizeof(struct watched *))) ==
		    NULL)
			return GT_NOMEM;
		w->v = v;
		w->cap = cap;
	}
	if (tsearch(f, &w->tree, compare) == NULL)
		return GT_NOMEM;
	w->v[w->n++] = f;
	return GT_OK;
}

enum gt_err
gt_filewatch_add(struct gt_filewatch *w, const char *path, int64_t since_us)
{
	size_t size = strlen(path) + 1;
	struct watched *f = malloc(sizeof(*f) + size);
	struct stat st;
	enum gt_err rc;

	if (f == NULL)
		return GT_NOMEM;
	memcpy(f->path, path, size);
	if (tfind(f, &w->tree, compare) != NULL || stat(path, &st) < 0) {
		free(f);
		return GT_OK;
	}
	note(f, &st, since_us);
	if ((rc = append(w, f)) != GT_OK) {
		free(f);
		return rc;
	}
	return watch_directory(w, path) ? GT_OK : GT_SYS;
}

int
gt_filewatch_fd(const struct gt_filewatch *w)
{
	return w->fd;
}

void
gt_filewatch_drain(struct gt_filewatch *w)
{
	char events[8192];

	while (w->fd >= 0 && read(w->fd, events, sizeof(events)) > 0)
		;
}

const char *
gt_filewatch_changed(const struct gt_filewatch *w)
{
	struct stat st;

	for (size_t i = 0; i < w->n; i++) {
		const struct watched *f = w->v[i];

		if (stat(f->path, &st) < 0)
			continue;
		if (st.st_size != f->size || st.st_ino != f->inode ||
		    st.st_mtim.tv_sec != f->mtime.tv_sec ||
		    st.st_mtim.tv_nsec != f->mtime.tv_nsec)
			return f->path;
	}
	return NULL;
}
