/* SPDX-License-Identifier: MIT */
/*
 * Has the kernel's out of memory killer been at work? cgroup v2 counts its
 * victims for each group, so of a child that was killed it can be said that it
 * probably was one. Without such a count nothing is said.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/parse.h"
#include "gthreadd/base/str.h"

#include "arbiter_priv.h"

/* What a small file says. */
static struct gt_str
read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return (struct gt_str){text, 0};
	n = read(fd, text, size);
	close(fd);
	return (struct gt_str){text, n > 0 ? (size_t)n : 0};
}

/* The rest of the line that begins with key; false: there is none. */
static bool
find_line(struct gt_str text, struct gt_str key, struct gt_str *rest)
{
	struct gt_str line;

	while (gt_str_split(&text, '\n', &line)) {
		if (line.n < key.n || memcmp(line.p, key.p, key.n) != 0)
			continue;
		*rest = (struct gt_str){line.p + key.n, line.n - key.n};
		return true;
	}
	return false;
}

/* Victims so far; false: nobody counts. */
static bool
read_count(const struct gt_oom *o, uint64_t *n)
{
	char text[1024];
	struct gt_str value;

	return o->path[0] != '\0' &&
	       find_line(read_file(o->path, text, sizeof(text)),
	                 GT_STR("oom_kill "), &value) &&
	       gt_parse_decimal(value, n) == GT_OK;
}

void
gt_oom_init(struct gt_oom *o, const char *own, const char *mount)
{
	char text[4096];
	struct gt_str group;
	int n;

	*o = (struct gt_oom){.path = ""};
	if (!find_line(read_file(own, text, sizeof(text)), GT_STR("0::"),
	               &group))
		return;
	n = snprintf(o->path, sizeof(o->path), "%s%.*s/memory.events", mount,
	             (int)group.n, group.p);
	if (n < 0 || (size_t)n >= sizeof(o->path) || !read_count(o, &o->seen))
		o->path[0] = '\0';
}

bool
gt_oom_claim(struct gt_oom *o)
{
	uint64_t n;

	if (!read_count(o, &n))
		return false;
	if (n <= o->seen)
		return false;
	o->seen++;
	return true;
}
