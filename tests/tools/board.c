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

#define BOARDS_MAX 1024
#define PATH_LEN   300

struct seen {
	ino_t inode[BOARDS_MAX];
	size_t n;
};

static void
print_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* -1: never. */
static double
age_ms(int64_t stamp_us, int64_t now_us)
{
	return stamp_us == 0 ? -1.0 : (double)(now_us - stamp_us) / 1000.0;
}

static void
print_cell(const struct gt_cell *c, int64_t now_us)
{
	struct gt_cell_copy copy;

	if (!gt_cell_read(c, &copy)) {
		printf("{\"state\": \"unreadable\"}");
		return;
	}
	printf("{\"state\": \"%s\", \"request\": %llu, \"age_ms\": %.3f, "
	       "\"request_age_ms\": %.3f, \"done\": %llu, \"text\": ",
	       gt_cell_state_name(copy.state), (unsigned long long)copy.request,
	       age_ms(copy.since_us, now_us), age_ms(copy.started_us, now_us),
	       (unsigned long long)copy.done);
	print_string(copy.text);
	printf("}");
}

static void
print_counter(const char *name, uint64_t value)
{
	printf(", \"%s\": %llu", name, (unsigned long long)value);
}

static void
print_board(const struct gt_board *b)
{
	int64_t now = gt_clock_us();
	unsigned i;

	printf("{\"pid\": %d, \"ready\": %u, \"loop_beat_ms\": %.3f, "
	       "\"gil_beat_ms\": %.3f",
	       b->pid, b->ready, age_ms(b->loop_beat_us, now),
	       age_ms(b->gil_beat_us, now));
	print_counter("connections", b->connections);
	print_counter("parked", b->parked);
	print_counter("accepted", b->accepted);
	print_counter("requests", b->requests);
	print_counter("unanswered", b->unanswered);
	print_counter("queued", b->queued);
	print_counter("log_dropped", b->log_dropped);
	printf(", \"cells\": [");
	for (i = 0; i < gt_board_threads(b); i++) {
		printf(i == 0 ? "\n    " : ",\n    ");
		print_cell(&b->cell[i], now);
	}
	printf("]}");
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
show_fd(const char *path, struct seen *seen)
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
		printf(seen->n == 1 ? "\n  " : ",\n  ");
		print_board(b);
		gt_board_unmap(b);
	}
	close(fd);
}

int
main(int argc, char *argv[])
{
	static struct seen seen;
	char path[PATH_LEN];
	struct dirent *e;
	DIR *dir;

	if (argc != 2)
		errx(2, "usage: board PID");
	snprintf(path, sizeof path, "/proc/%s/fd", argv[1]);
	if ((dir = opendir(path)) == NULL)
		err(1, "%s", path);
	printf("{\"workers\": [");
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", argv[1],
		         e->d_name);
		show_fd(path, &seen);
	}
	closedir(dir);
	printf("]}\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
