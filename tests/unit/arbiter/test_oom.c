/* SPDX-License-Identifier: MIT */
/* what the kernel counts of its out of memory killer. */
#include "../../../src/arbiter/arbiter_priv.h"
#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/gt-oom-XXXXXX";
static char own[64], group[96], events[128];

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
count(unsigned n)
{
	char text[128];

	snprintf(text, sizeof(text),
	         "low 0\nhigh 0\nmax 17\noom 9\noom_kill %u\n"
	         "oom_group_kill 0\n",
	         n);
	write_text(events, text);
}

static int
make_files(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(own, sizeof(own), "%s/own", dir);
	snprintf(group, sizeof(group), "%s/site.slice", dir);
	snprintf(events, sizeof(events), "%s/memory.events", group);
	return mkdir(group, 0700);
}

static int
remove_files(void **state)
{
	(void)state;
	unlink(own);
	unlink(events);
	rmdir(group);
	return rmdir(dir);
}

static void
each_victim_is_claimed_once(void **state)
{
	struct gt_oom o;

	(void)state;
	write_text(own, "4:memory:/old\n0::/site.slice\n");
	count(3);
	gt_oom_init(&o, own, dir);
	assert_false(gt_oom_claim(&o)); /* before our time */
	count(5);
	assert_true(gt_oom_claim(&o));
	assert_true(gt_oom_claim(&o));
	assert_false(gt_oom_claim(&o));
	count(6);
	assert_true(gt_oom_claim(&o));
}

static void
without_a_count_nothing_is_claimed(void **state)
{
	struct gt_oom o;

	(void)state;
	write_text(own, "4:memory:/site.slice\n");
	count(1);
	gt_oom_init(&o, own, dir); /* the old hierarchy alone */
	count(2);
	assert_false(gt_oom_claim(&o));

	write_text(own, "0::/\n"); /* the root has no such file */
	gt_oom_init(&o, own, dir);
	assert_false(gt_oom_claim(&o));

	gt_oom_init(&o, "/nonexistent", dir);
	assert_false(gt_oom_claim(&o));

	write_text(own, "0::/site.slice\n");
	write_text(events, "low 0\nhigh 0\n"); /* an old kernel */
	gt_oom_init(&o, own, dir);
	assert_false(gt_oom_claim(&o));
}

static void
a_count_that_vanishes_claims_nothing(void **state)
{
	struct gt_oom o;

	(void)state;
	write_text(own, "0::/site.slice\n");
	count(1);
	gt_oom_init(&o, own, dir);
	count(2);
	unlink(events);
	assert_false(gt_oom_claim(&o));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_victim_is_claimed_once),
	    cmocka_unit_test(without_a_count_nothing_is_claimed),
	    cmocka_unit_test(a_count_that_vanishes_claims_nothing),
	};

	return cmocka_run_group_tests_name("oom", tests, make_files,
	                                   remove_files);
}
