/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/os.h"
#include "harness.h"

/* The value of one line of /proc/self/status, in hexadecimal. */
static unsigned long long
mask_of(const char *name)
{
	unsigned long long value = ~0ULL;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	if (f != NULL)
		fclose(f);
	return value;
}

static int
report_signals(const struct gt_child *child)
{
	const unsigned long long faults =
	    1ULL << (SIGSEGV - 1) | 1ULL << (SIGBUS - 1) |
	    1ULL << (SIGFPE - 1) | 1ULL << (SIGILL - 1);
	/* The C library keeps 32 and 33 to itself: nobody can set them. */
	const unsigned long long real = ~(3ULL << 31);
	char text[200];

	snprintf(text, sizeof(text), "blocked=%llx ignored=%llx caught=%llx",
	         mask_of("SigBlk"), mask_of("SigIgn") & real,
	         mask_of("SigCgt") & ~faults);
	report(child, text);
	return serve(child);
}

static void
child_has_default_dispositions_and_an_empty_mask(void **state)
{
	char expected[200];
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	start_server(report_signals);
	signal(SIGALRM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	snprintf(expected, sizeof(expected), "blocked=0 ignored=%llx caught=0",
	         1ULL << (SIGPIPE - 1) | 1ULL << (SIGXFSZ - 1));
	assert_string_equal(next_report(10).text, expected);
}

/* What is open beyond the standard streams, as the links of /proc say. */
static int
report_descriptors(const struct gt_child *child)
{
	char text[500] = "", name[300], target[200];
	size_t used = 0;
	const struct dirent *e;
	DIR *d;

	if (child->age < 3)
		return serve(child);
	if ((d = opendir("/proc/self/fd")) == NULL)
		return 80;
	while ((e = readdir(d)) != NULL) {
		ssize_t n;

		snprintf(name, sizeof(name), "/proc/self/fd/%s", e->d_name);
		n = readlink(name, target, sizeof(target) - 1);
		if (n <= 0 || atoi(e->d_name) <= 2 ||
		    atoi(e->d_name) == dirfd(d))
			continue;
		target[n] = '\0';
		if (strncmp(target, "socket:", 7) == 0)
			target[7] = '\0';
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		                         "%s ", target);
	}
	closedir(d);
	report(child, text);
	return serve(child);
}

static unsigned
occurrences(const char *in, const char *of)
{
	unsigned n = 0;

	for (; (in = strstr(in, of)) != NULL; in++)
		n++;
	return n;
}

static void
child_has_no_descriptors_of_the_master_or_its_siblings(void **state)
{
	char path[64];
	struct report r;

	(void)state;
	snprintf(path, sizeof(path), "%s/pid", test_dir);
	settings.pid = path;
	settings.workers = 3;
	start_server(report_descriptors);
	do
		r = next_report(10);
	while (r.age != 3);
	assert_null(strstr(r.text, path));
	assert_null(strstr(r.text, "anon_inode"));
	/* The listener and its end of its channel. */
	assert_int_equal(occurrences(r.text, "socket:"), 2);
	assert_int_equal(occurrences(r.text, "gthreadd-board"), 1);
	assert_int_equal(occurrences(r.text, log_path), 1);
}

static void
parents_signal_events_work_after_a_child_has_ended(void **state)
{
	struct report first, second;

	(void)state;
	start_server(serve);
	first = next_report(10);
	/* TERM of a child must not reach the parent's loop. */
	assert_int_equal(kill(first.pid, SIGTERM), 0);
	second = next_report(10);
	assert_int_equal(second.age, 2);
	assert_int_not_equal(second.pid, first.pid);
	usleep(200000);
	assert_true(server_runs());
	tell(SIGUSR1);
	assert_string_equal(next_report(10).text, "reopen 1");
}

static int
report_place(const struct gt_child *child)
{
	char text[400], cwd[100], title[100] = "";
	mode_t mask = umask(0);
	ssize_t n;
	int fd;

	umask(mask);
	fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, title, sizeof(title) - 1);
	title[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return 81;
	snprintf(text, sizeof(text), "%o %s %s", mask, cwd, title);
	report(child, text);
	return serve(child);
}

static void
child_has_umask_directory_and_title(void **state)
{
	char expected[200], name[] = "shop";

	(void)state;
	settings.umask = 027;
	settings.chdir = test_dir;
	settings.name = name;
	start_server(report_place);
	snprintf(expected, sizeof(expected), "27 %s gthreadd: worker [shop]",
	         test_dir);
	assert_string_equal(next_report(10).text, expected);
}

static int
report_user(const struct gt_child *child)
{
	char text[200];

	snprintf(text, sizeof(text), "uid=%d gid=%d groups=%d regain=%d",
	         (int)getuid(), (int)getgid(), getgroups(0, NULL), setuid(0));
	report(child, text);
	return serve(child);
}

static void
child_of_root_becomes_the_user_for_good(void **state)
{
	char user[] = "nobody", expected[200];
	const struct passwd *pw = getpwnam("nobody");
	struct stat st;

	(void)state;
	if (geteuid() != 0 || pw == NULL)
		skip();
	settings.user = user;
	assert_int_equal(chmod(test_dir, 0755), 0);
	start_server(report_user);
	snprintf(expected, sizeof(expected), "uid=%d gid=%d groups=1 regain=-1",
	         (int)pw->pw_uid, (int)pw->pw_gid);
	assert_string_equal(next_report(10).text, expected);
	assert_int_equal(stat(log_path, &st), 0);
	assert_int_equal(st.st_uid, pw->pw_uid);
}

static void
missing_directory_is_a_boot_error(void **state)
{
	char dir[] = "/nonexistent";

	(void)state;
	settings.chdir = dir;
	start_server(serve);
	assert_int_equal(end_of_server(10), GT_EXIT_BOOT);
	assert_true(log_has("directory /nonexistent cannot be entered"));
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
	    SERVER_TEST(child_has_default_dispositions_and_an_empty_mask),
	    SERVER_TEST(child_has_no_descriptors_of_the_master_or_its_siblings),
	    SERVER_TEST(parents_signal_events_work_after_a_child_has_ended),
	    SERVER_TEST(child_has_umask_directory_and_title),
	    SERVER_TEST(child_of_root_becomes_the_user_for_good),
	    SERVER_TEST(missing_directory_is_a_boot_error),
	};

	gt_os_title_init(argc, &argv);
	return cmocka_run_group_tests_name("spawn", tests, make_dir,
	                                   remove_dir);
}
