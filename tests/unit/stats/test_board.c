/* SPDX-License-Identifier: MIT */
/* The board: memory files, cells, and a reader against a busy writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gthreadd/stats/board.h"

static struct gt_board *
board_of(unsigned threads, int *fd)
{
	struct gt_board *b;

	assert_int_equal(gt_board_create(threads, fd), GT_OK);
	assert_int_equal(gt_board_map(*fd, true, &b), GT_OK);
	return b;
}

static void
two_maps_of_a_board_show_the_same(void **state)
{
	struct gt_board *w, *r;
	int fd;

	(void)state;
	w = board_of(3, &fd);
	assert_int_equal(gt_board_map(fd, false, &r), GT_OK);
	assert_int_equal(gt_board_threads(r), 3);
	w->pid = 4711;
	w->connections = 17;
	assert_int_equal(r->pid, 4711);
	assert_int_equal(r->connections, 17);
	gt_board_unmap(w);
	gt_board_unmap(r);
	close(fd);
}

static void
a_board_is_close_on_exec_and_its_size_is_sealed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(gt_board_create(1, &fd), GT_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	close(fd);
}

static void
map_refuses_what_is_no_board(void **state)
{
	struct gt_board *b = (void *)1;
	int fd = memfd_create("other", MFD_CLOEXEC);
	uint32_t head[2] = {GT_BOARD_MAGIC, 1000};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(gt_board_map(fd, true, &b), GT_INVALID);
	assert_null(b);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(gt_board_map(fd, true, &b), GT_INVALID);
	assert_int_equal(pwrite(fd, head, sizeof head, 0), sizeof head);
	assert_int_equal(gt_board_map(fd, true, &b), GT_INVALID);
	close(fd);
	assert_int_equal(gt_board_map(-1, true, &b), GT_SYS);
}

static void
a_scribbling_worker_cannot_change_the_number_of_cells(void **state)
{
	struct gt_board *w, *r;
	int fd;

	(void)state;
	w = board_of(2, &fd);
	assert_int_equal(gt_board_map(fd, false, &r), GT_OK);
	memset(w, 0xff, gt_board_size(2));
	assert_int_equal(gt_board_threads(r), 2);
	gt_board_unmap(r);
	gt_board_unmap(w);
	close(fd);
}

static void
a_cell_shows_its_request(void **state)
{
	struct gt_cell_copy copy;
	struct gt_board *b;
	int fd;

	(void)state;
	b = board_of(1, &fd);
	assert_true(gt_cell_read(&b->cell[0], &copy));
	assert_int_equal(copy.state, GT_CELL_PARKED);
	assert_int_equal(copy.request, 0);
	assert_string_equal(copy.text, "");
	assert_string_equal(gt_cell_peer(&copy), "");
	gt_cell_begin(&b->cell[0], 7, 100, GT_STR("GET"), GT_STR("/a?b"),
	              GT_STR("1.2.3.4:5"));
	assert_true(gt_cell_read(&b->cell[0], &copy));
	assert_int_equal(copy.state, GT_CELL_RUNNING);
	assert_int_equal(copy.request, 7);
	assert_int_equal(copy.since_us, 100);
	assert_int_equal(copy.started_us, 100);
	assert_string_equal(copy.text, "GET /a?b");
	assert_string_equal(gt_cell_peer(&copy), "1.2.3.4:5");
	gt_cell_set(&b->cell[0], GT_CELL_WAITING, 150);
	assert_true(gt_cell_read(&b->cell[0], &copy));
	assert_int_equal(copy.state, GT_CELL_WAITING);
	assert_int_equal(copy.since_us, 150);
	assert_int_equal(copy.started_us, 100);
	assert_int_equal(copy.done, 0);
	gt_board_unmap(b);
	close(fd);
}

static void
states_have_names_whatever_was_written(void **state)
{
	(void)state;
	assert_string_equal(gt_cell_state_name(GT_CELL_PARKED), "parked");
	assert_string_equal(gt_cell_state_name(GT_CELL_WAITING), "waiting");
	assert_string_equal(gt_cell_state_name((enum gt_cell_state)4), "?");
	assert_true(gt_cell_state_is_busy(GT_CELL_RUNNING));
	assert_true(gt_cell_state_is_busy(GT_CELL_WAITING));
	assert_false(gt_cell_state_is_busy(GT_CELL_HEIR));
}

static void
a_request_is_done_when_its_thread_goes_on(void **state)
{
	struct gt_cell c = {0};

	(void)state;
	gt_cell_set(&c, GT_CELL_HEIR, 1);
	gt_cell_begin(&c, 1, 2, GT_STR("GET"), GT_STR("/"), GT_STR("p"));
	gt_cell_set(&c, GT_CELL_WAITING, 3);
	gt_cell_set(&c, GT_CELL_RUNNING, 4);
	assert_int_equal(c.done, 0);
	gt_cell_begin(&c, 2, 5, GT_STR("GET"), GT_STR("/"), GT_STR("p"));
	assert_int_equal(c.done, 1);
	gt_cell_set(&c, GT_CELL_PARKED, 6);
	assert_int_equal(c.done, 2);
	gt_cell_set(&c, GT_CELL_HEIR, 7);
	assert_int_equal(c.done, 2);
}

static void
waits_for_the_client_are_no_time_in_the_app(void **state)
{
	struct gt_cell_copy copy;
	struct gt_cell c = {0};
	int64_t age;

	(void)state;
	gt_cell_begin(&c, 1, 100, GT_STR("GET"), GT_STR("/"), GT_STR("p"));
	gt_cell_set(&c, GT_CELL_WAITING, 110);
	assert_true(gt_cell_read(&c, &copy));
	assert_true(gt_cell_is_busy(&copy, 500, &age));
	assert_int_equal(age, 10);
	gt_cell_set(&c, GT_CELL_RUNNING, 600);
	gt_cell_set(&c, GT_CELL_WAITING, 605);
	gt_cell_set(&c, GT_CELL_RUNNING, 705);
	assert_true(gt_cell_read(&c, &copy));
	assert_true(gt_cell_is_busy(&copy, 710, &age));
	assert_int_equal(age, 20);
	assert_int_equal(copy.waited_us, 590);
	gt_cell_begin(&c, 2, 800, GT_STR("GET"), GT_STR("/"), GT_STR("p"));
	assert_true(gt_cell_read(&c, &copy));
	assert_true(gt_cell_is_busy(&copy, 803, &age));
	assert_int_equal(age, 3);
	gt_cell_set(&c, GT_CELL_PARKED, 810);
	assert_true(gt_cell_read(&c, &copy));
	assert_false(gt_cell_is_busy(&copy, 900, &age));
}

static void
a_long_text_is_cut(void **state)
{
	struct gt_cell_copy copy;
	struct gt_cell c = {0};
	char target[1000];

	(void)state;
	memset(target, 'x', sizeof target);
	gt_cell_begin(&c, 1, 1, GT_STR("GET"),
	              (struct gt_str){target, sizeof target}, GT_STR("peer"));
	assert_true(gt_cell_read(&c, &copy));
	assert_int_equal(strlen(copy.text), GT_CELL_TEXT - 5);
	assert_memory_equal(copy.text, "GET xxx", 7);
	assert_string_equal(gt_cell_peer(&copy), "peer");
}

static void
a_long_peer_leaves_room_for_the_request(void **state)
{
	struct gt_cell_copy copy;
	struct gt_cell c = {0};
	char peer[1000];

	(void)state;
	memset(peer, 'p', sizeof peer);
	gt_cell_begin(&c, 1, 1, GT_STR("GET"), GT_STR("/a"),
	              (struct gt_str){peer, sizeof peer});
	assert_true(gt_cell_read(&c, &copy));
	assert_string_equal(copy.text, "GET /a");
	assert_int_equal(strlen(gt_cell_peer(&copy)), 64);
}

static void
read_gives_up_on_a_cell_that_is_always_written(void **state)
{
	struct gt_cell_copy copy;
	struct gt_cell c = {0};

	(void)state;
	c.seq = 1;
	assert_false(gt_cell_read(&c, &copy));
}

struct busy {
	struct gt_cell cell;
	_Atomic bool stop;
};

/* Request n has n % 100 times the same letter as target. */
static void *
write_all_the_time(void *arg)
{
	struct busy *busy = arg;
	char target[100];
	uint64_t n = 0;

	while (!atomic_load(&busy->stop)) {
		n++;
		memset(target, (int)('a' + n % 26), sizeof target);
		gt_cell_begin(&busy->cell, n, (int64_t)n, GT_STR("GET"),
		              (struct gt_str){target, n % 100}, GT_STR(""));
	}
	return NULL;
}

static void
check_copy(const struct gt_cell_copy *copy)
{
	size_t want = copy->request % 100, i;

	assert_int_equal(copy->since_us, copy->request);
	assert_int_equal(copy->started_us, copy->request);
	assert_int_equal(copy->done + 1, copy->request);
	assert_int_equal(strlen(copy->text), want + 4);
	for (i = 0; i < want; i++)
		assert_int_equal(copy->text[4 + i], 'a' + copy->request % 26);
}

static void
a_copy_is_consistent_while_the_writer_runs(void **state)
{
	struct busy busy = {0};
	struct gt_cell_copy copy;
	unsigned seen = 0, tries;
	pthread_t writer;

	(void)state;
	assert_int_equal(
	    pthread_create(&writer, NULL, write_all_the_time, &busy), 0);
	for (tries = 0; seen < 20000 && tries < 100000000; tries++) {
		if (!gt_cell_read(&busy.cell, &copy) || copy.request == 0)
			continue;
		check_copy(&copy);
		seen++;
	}
	atomic_store(&busy.stop, true);
	pthread_join(writer, NULL);
	assert_int_equal(seen, 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_maps_of_a_board_show_the_same),
	    cmocka_unit_test(a_board_is_close_on_exec_and_its_size_is_sealed),
	    cmocka_unit_test(map_refuses_what_is_no_board),
	    cmocka_unit_test(
	        a_scribbling_worker_cannot_change_the_number_of_cells),
	    cmocka_unit_test(a_cell_shows_its_request),
	    cmocka_unit_test(states_have_names_whatever_was_written),
	    cmocka_unit_test(a_request_is_done_when_its_thread_goes_on),
	    cmocka_unit_test(waits_for_the_client_are_no_time_in_the_app),
	    cmocka_unit_test(a_long_text_is_cut),
	    cmocka_unit_test(a_long_peer_leaves_room_for_the_request),
	    cmocka_unit_test(read_gives_up_on_a_cell_that_is_always_written),
	    cmocka_unit_test(a_copy_is_consistent_while_the_writer_runs),
	};

	return cmocka_run_group_tests_name("stats/board", tests, NULL, NULL);
}
