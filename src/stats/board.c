/* SPDX-License-Identifier: MIT */
/*
 * Boards: memory files that a worker writes and others read.
 *
 * The master made the file but must not trust what a broken worker put into
 * it later: its size is sealed, and the size that was mapped is kept in a
 * private page in front of the mapping, where no worker can change it.
 * Any thread, no locks, no Python.
 */
#include "gthreadd/stats/board.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEER_MAX 64 /* octets of a cell's text */

_Static_assert(offsetof(struct gt_cell, counts) == 256, "cache lines apart");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared between processes");

/* The page in front of a mapping. */
struct board_private {
	size_t len; /* octets of the board */
	unsigned threads;
};

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static const struct board_private *
private_of(const struct gt_board *b)
{
	return (const void *)((const char *)b - page_size());
}

size_t
gt_board_size(unsigned threads)
{
	return sizeof(struct gt_board) + threads * sizeof(struct gt_cell);
}

static enum gt_err
write_header(int fd, unsigned threads)
{
	struct gt_board head = {.magic = GT_BOARD_MAGIC, .threads = threads};

	if (ftruncate(fd, (off_t)gt_board_size(threads)) < 0)
		return GT_SYS;
	if (pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
		return GT_SYS;
	/* Nobody can make a reader fault by shortening it. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return GT_SYS;
	return GT_OK;
}

enum gt_err
gt_board_create(unsigned threads, int *fd)
{
	int saved;

	*fd = memfd_create("gthreadd-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return GT_SYS;
	if (write_header(*fd, threads) != GT_OK)
		goto fail;
	return GT_OK;
fail:
	saved = errno;
	close(*fd);
	*fd = -1;
	errno = saved;
	return GT_SYS;
}

/* A board of fd's size? Then *threads is the number of its cells. */
static enum gt_err
read_header(int fd, size_t *len, unsigned *threads)
{
	struct gt_board head;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return GT_SYS;
	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
		return GT_INVALID;
	if (head.magic != GT_BOARD_MAGIC ||
	    (size_t)st.st_size != gt_board_size(head.threads))
		return GT_INVALID;
	*len = (size_t)st.st_size;
	*threads = head.threads;
	return GT_OK;
}

enum gt_err
gt_board_map(int fd, bool writable, struct gt_board **out)
{
	struct board_private priv;
	size_t page = page_size();
	enum gt_err rc;
	char *p;
	int saved;

	*out = NULL;
	if ((rc = read_header(fd, &priv.len, &priv.threads)) != GT_OK)
		return rc;
	p = mmap(NULL, page + priv.len, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return GT_SYS;
	memcpy(p, &priv, sizeof priv);
	if (mmap(p + page, priv.len, PROT_READ | (writable ? PROT_WRITE : 0),
	         MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		goto fail;
	if (mprotect(p, page, PROT_READ) < 0)
		goto fail;
	*out = (void *)(p + page);
	return GT_OK;
fail:
	saved = errno;
	munmap(p, page + priv.len);
	errno = saved;
	return GT_SYS;
}

void
gt_board_unmap(struct gt_board *b)
{
	size_t page = page_size();

	if (b != NULL)
		munmap((char *)b - page, page + private_of(b)->len);
}

unsigned
gt_board_threads(const struct gt_board *b)
{
	return private_of(b)->threads;
}

/*
 * The seqlock, without fences (gcc's TSan has none): what is written between
 * the two changes of seq is stored with release, so whoever loads it with
 * acquire also sees that seq had become odd.
 */
static void
begin_write(struct gt_cell *c)
{
	uint32_t seq = atomic_load_explicit(&c->seq, memory_order_relaxed);

	atomic_store_explicit(&c->seq, seq + 1, memory_order_relaxed);
}

static void
end_write(struct gt_cell *c)
{
	uint32_t seq = atomic_load_explicit(&c->seq, memory_order_relaxed);

	atomic_store_explicit(&c->seq, seq + 1, memory_order_release);
}

static bool
is_in_request(const struct gt_cell *c)
{
	uint32_t s = atomic_load_explicit(&c->state, memory_order_relaxed);

	return gt_cell_state_is_busy(s);
}

static void
count_done(struct gt_cell *c)
{
	uint64_t n = atomic_load_explicit(&c->done, memory_order_relaxed);

	atomic_store_explicit(&c->done, n + 1, memory_order_release);
}

static size_t
put_part(char text[GT_CELL_TEXT], size_t at, size_t end, struct gt_str s)
{
	size_t n = end - at;

	if (n > s.n)
		n = s.n;
	if (n > 0)
		memcpy(text + at, s.p, n);
	return at + n;
}

static void
store_text(struct gt_cell *c, struct gt_str method, struct gt_str target,
           struct gt_str peer)
{
	char text[GT_CELL_TEXT];
	uint64_t word;
	size_t n, i, end;

	if (peer.n > PEER_MAX)
		peer.n = PEER_MAX;
	end = GT_CELL_TEXT - 1 - peer.n;
	n = put_part(text, 0, end, method);
	n = put_part(text, n, end, GT_STR(" "));
	n = put_part(text, n, end, target);
	text[n++] = '\0';
	n = put_part(text, n, GT_CELL_TEXT, peer);
	for (i = n; i % sizeof word != 0; i++)
		text[i] = 0;
	for (i = 0; i < n; i += sizeof word) {
		memcpy(&word, text + i, sizeof word);
		atomic_store_explicit(&c->text[i / sizeof word], word,
		                      memory_order_release);
	}
	atomic_store_explicit(&c->text_len, (uint32_t)n, memory_order_release);
}

void
gt_cell_begin(struct gt_cell *c, uint64_t request, int64_t now_us,
              struct gt_str method, struct gt_str target, struct gt_str peer)
{
	bool was_in_request = is_in_request(c);

	begin_write(c);
	if (was_in_request)
		count_done(c);
	atomic_store_explicit(&c->state, GT_CELL_RUNNING, memory_order_release);
	atomic_store_explicit(&c->request, request, memory_order_release);
	atomic_store_explicit(&c->since_us, now_us, memory_order_release);
	atomic_store_explicit(&c->started_us, now_us, memory_order_release);
	atomic_store_explicit(&c->waited_us, 0, memory_order_release);
	store_text(c, method, target, peer);
	end_write(c);
}

/* The wait that ends now. */
static void
add_wait(struct gt_cell *c, int64_t now_us)
{
	int64_t sum = atomic_load_explicit(&c->waited_us, memory_order_relaxed);
	int64_t from = atomic_load_explicit(&c->since_us, memory_order_relaxed);

	if (atomic_load_explicit(&c->state, memory_order_relaxed) ==
	    GT_CELL_WAITING)
		atomic_store_explicit(&c->waited_us, sum + now_us - from,
		                      memory_order_release);
}

void
gt_cell_set(struct gt_cell *c, enum gt_cell_state state, int64_t now_us)
{
	bool ends = is_in_request(c) &&
	            (state == GT_CELL_PARKED || state == GT_CELL_HEIR);

	begin_write(c);
	if (ends)
		count_done(c);
	if (state == GT_CELL_RUNNING)
		add_wait(c, now_us);
	atomic_store_explicit(&c->state, state, memory_order_release);
	atomic_store_explicit(&c->since_us, now_us, memory_order_release);
	end_write(c);
}

static void
load_cell(const struct gt_cell *c, struct gt_cell_copy *out)
{
	uint64_t word;
	size_t n, i;

	out->state = atomic_load_explicit(&c->state, memory_order_acquire);
	out->request = atomic_load_explicit(&c->request, memory_order_acquire);
	out->since_us =
	    atomic_load_explicit(&c->since_us, memory_order_acquire);
	out->started_us =
	    atomic_load_explicit(&c->started_us, memory_order_acquire);
	out->waited_us =
	    atomic_load_explicit(&c->waited_us, memory_order_acquire);
	out->done = atomic_load_explicit(&c->done, memory_order_acquire);
	n = atomic_load_explicit(&c->text_len, memory_order_acquire);
	if (n > GT_CELL_TEXT)
		n = GT_CELL_TEXT;
	for (i = 0; i < n; i += sizeof word) {
		word = atomic_load_explicit(&c->text[i / sizeof word],
		                            memory_order_acquire);
		memcpy(out->text + i, &word, sizeof word);
	}
	out->text[n] = out->text[n + 1] = '\0';
}

bool
gt_cell_read(const struct gt_cell *c, struct gt_cell_copy *out)
{
	uint32_t seq;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		seq = atomic_load_explicit(&c->seq, memory_order_acquire);
		if (seq % 2 != 0)
			continue;
		load_cell(c, out);
		if (atomic_load_explicit(&c->seq, memory_order_relaxed) == seq)
			return true;
	}
	return false;
}

const char *
gt_cell_peer(const struct gt_cell_copy *c)
{
	return c->text + strlen(c->text) + 1;
}

const char *
gt_cell_state_name(enum gt_cell_state s)
{
	static const char *const names[GT_CELL_STATES] = {
	    [GT_CELL_PARKED] = "parked",
	    [GT_CELL_HEIR] = "heir",
	    [GT_CELL_RUNNING] = "running",
	    [GT_CELL_WAITING] = "waiting",
	};

	return s < GT_CELL_STATES ? names[s] : "?";
}

bool
gt_cell_is_busy(const struct gt_cell_copy *c, int64_t now_us, int64_t *age_us)
{
	int64_t until = c->state == GT_CELL_WAITING ? c->since_us : now_us;

	*age_us = until - c->started_us - c->waited_us;
	return gt_cell_state_is_busy(c->state);
}
