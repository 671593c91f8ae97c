/* SPDX-License-Identifier: MIT */
/*
 * board PID: the boards that a process has open (a master: those of all its
 * workers; a worker: its own), as one JSON document. Used by the end-to-end
 * tests; it only reads.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/stats/board.h"
#include "gthreadd/stats/json.h"

#define BOARDS_MAX 1024
#define PATH_LEN   300

struct seen {
	ino_t inode[BOARDS_MAX];
	size_t n;
};

/* -1: never. */
static void
add_age(struct gt_json *j, const char *key, int64_t stamp_us, int64_t now_us)
{
	gt_json_int(j, key, stamp_us == 0 ? -1 : (now_us - stamp_us) / 1000);
}

static void
add_cell(struct gt_json *j, const struct gt_cell *c, int64_t now_us)
{
	struct gt_cell_copy copy;

	gt_json_open(j, '{');
	if (gt_cell_read(c, &copy)) {
		gt_json_text(j, "state", gt_cell_state_name(copy.state));
		gt_json_uint(j, "request", copy.request);
		add_age(j, "age_ms", copy.since_us, now_us);
		add_age(j, "request_age_ms", copy.started_us, now_us);
		gt_json_uint(j, "done", copy.done);
		gt_json_text(j, "text", copy.text);
	} else {
		gt_json_text(j, "state", "unreadable");
	}
	gt_json_close(j, '}');
}

static void
add_board(struct gt_json *j, const struct gt_board *b)
{
	int64_t now = gt_clock_us();

	gt_json_open(j, '{');
	gt_json_int(j, "pid", b->pid);
	gt_json_uint(j, "ready", b->ready);
	add_age(j, "loop_beat_ms", b->loop_beat_us, now);
	add_age(j, "gil_beat_ms", b->gil_beat_us, now);
	gt_json_uint(j, "connections", b->connections);
	gt_json_uint(j, "parked", b->parked);
	gt_json_uint(j, "accepted", b->accepted);
	gt_json_uint(j, "requests", b->requests);
	gt_json_uint(j, "unanswered", b->unanswered);
	gt_json_uint(j, "queued", b->queued);
	gt_json_uint(j, "log_dropped", b->log_dropped);
	gt_json_key(j, "cells");
	gt_json_open(j, '[');
	for (unsigned i = 0; i < gt_board_threads(b); i++)
		add_cell(j, &b->cell[i], now);
	gt_json_close(j, ']');
	gt_json_close(j, '}');
}

/* The file was met before under another descriptor. */
static bool
is_seen(struct seen *seen, int fd)
{
	struct stat st;
	size_t i;

	if (fstat(fd, &st) < 0)
		err(1, "fstat");
	for (i = 0; i < seen->n; i++)
		if (seen->inode[i] == st.st_ino)
			return true;
	if (seen->n == BOARDS_MAX)
		errx(1, "too many boards");
	seen->inode[seen->n++] = st.st_ino;
	return false;
}

static void
add_fd(struct gt_json *j, const char *path, struct seen *seen)
{
	char link[PATH_LEN];
	struct gt_board *b;
	ssize_t n;
	int fd;

	n = readlink(path, link, sizeof link - 1);
	if (n < 0)
		return; /* closed meanwhile */
	link[n] = '\0';
	if (strncmp(link, "/memfd:gthreadd-board", 21) != 0)
		return;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	if (!is_seen(seen, fd) && gt_board_map(fd, false, &b) == GT_OK) {
		add_board(j, b);
		gt_board_unmap(b);
	}
	close(fd);
}

int
main(int argc, char *argv[])
{
	static struct seen seen;
	struct gt_buf text = {0};
	struct gt_json j = {.out = &text};
	char path[PATH_LEN];
	struct dirent *e;
	DIR *dir;

	if (argc != 2)
		errx(2, "usage: board PID");
	snprintf(path, sizeof path, "/proc/%s/fd", argv[1]);
	if ((dir = opendir(path)) == NULL)
		err(1, "%s", path);
	gt_json_open(&j, '{');
	gt_json_key(&j, "workers");
	gt_json_open(&j, '[');
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", argv[1],
		         e->d_name);
		add_fd(&j, path, &seen);
	}
	closedir(dir);
	gt_json_close(&j, ']');
	gt_json_close(&j, '}');
	if (j.err != GT_OK)
		errx(1, "%s", gt_err_text(j.err));
	printf("%.*s\n", (int)text.len, text.p);
	return fflush(stdout) == 0 ? 0 : 1;
}
