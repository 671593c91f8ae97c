/* SPDX-License-Identifier: MIT */
/*
 * gthreadctl top: the view again and again, on a terminal with curses or,
 * with --batch, as text.
 */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gthreadd/base/clock.h"

#include "main_priv.h"

static double
now(void)
{
	return (double)gt_clock_us() / 1e6;
}

/* One round. false: *why tells. */
static bool
look(const struct gt_top_options *o, struct gt_view_past *past,
     struct gt_buf *out, char *why, size_t n)
{
	json_t *status = o->source(o->arg, why, n);

	gt_buf_reset(out, 65536);
	if (status == NULL)
		return false;
	gt_view_top(status, now(), past, out);
	return true;
}

static void
pause_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000,
	                      .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static int
run_batch(const struct gt_top_options *o, struct gt_view_past *past,
          struct gt_buf *out)
{
	char why[512];

	for (unsigned i = 0; o->count == 0 || i < o->count; i++) {
		if (i > 0)
			pause_ms(o->interval_ms);
		if (!look(o, past, out, why, sizeof(why))) {
			fprintf(stderr, "gthreadctl: %s\n", why);
			return GT_CTL_NO_SERVER;
		}
		printf("%s%.*s", i > 0 ? "\n" : "", (int)out->len, out->p);
		if (fflush(stdout) != 0)
			return GT_CTL_REFUSED;
	}
	return GT_CTL_DONE;
}

/* As many lines as there are, each cut at the edge. */
static void
draw(const struct gt_buf *out)
{
	struct gt_str rest = gt_buf_str(out), line;

	erase();
	for (int y = 0; y < LINES && gt_str_split(&rest, '\n', &line); y++) {
		if (y == 0)
			attron(A_BOLD);
		mvaddnstr(y, 0, line.p,
		          line.n < (size_t)COLS ? (int)line.n : COLS);
		attroff(A_BOLD);
	}
	refresh();
}

static int
run_screen(const struct gt_top_options *o, struct gt_view_past *past,
           struct gt_buf *out)
{
	char why[512] = "";
	bool is_up = true;

	setlocale(LC_CTYPE, "");
	if (newterm(NULL, stdout, stdin) == NULL) {
		fputs("gthreadctl: this terminal is not known, use --batch\n",
		      stderr);
		return GT_CTL_USAGE;
	}
	cbreak();
	noecho();
	curs_set(0);
	timeout((int)o->interval_ms);
	for (unsigned i = 0; is_up && (o->count == 0 || i < o->count); i++) {
		if ((is_up = look(o, past, out, why, sizeof(why))))
			draw(out);
		if (getch() == 'q')
			break;
	}
	endwin();
	if (!is_up)
		fprintf(stderr, "gthreadctl: %s\n", why);
	return is_up ? GT_CTL_DONE : GT_CTL_NO_SERVER;
}

int
gt_top_run(const struct gt_top_options *o)
{
	struct gt_view_past past = {0};
	struct gt_buf out = {0};
	int code = o->is_batch ? run_batch(o, &past, &out)
	                       : run_screen(o, &past, &out);

	json_decref(past.status);
	gt_buf_fini(&out);
	return code;
}
