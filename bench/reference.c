/* SPDX-License-Identifier: MIT */
/*
 * The limit: a bare epoll loop that finds the end of each request head and
 * sends a fixed answer. One thread, no Python, no parsing, no time-outs: for
 * the benchmark on loopback only. A client that does not read is dropped.
 *
 * usage: reference PORT
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192
#define FDS_MAX  4096
#define BATCH    64

/* As long as what the servers under test send. */
#define ANSWER(conn)                                   \
	"HTTP/1.1 200 OK\r\n"                          \
	"Server: reference\r\n"                        \
	"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" conn \
	"Content-Type: text/plain\r\n"                 \
	"Content-Length: 14\r\n"                       \
	"\r\n"                                         \
	"Hello, world!\n"

struct conn {
	size_t len;  /* octets kept of a head that is not complete */
	bool closes; /* the last head asked for it */
	char head[HEAD_MAX];
};

static const char keep[] = ANSWER("");
static const char last[] = ANSWER("Connection: close\r\n");
static char many[BATCH * (sizeof(keep) - 1)];
static struct conn *conns[FDS_MAX];

static int
listen_on(uint16_t port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
	    listen(fd, 2048) != 0)
		err(1, "port %u", port);
	return fd;
}

static void
watch(int ep, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
		err(1, "epoll_ctl");
}

static void
accept_all(int ep, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= FDS_MAX) {
			close(fd);
			continue;
		}
		if (conns[fd] == NULL &&
		    (conns[fd] = malloc(sizeof(*conns[fd]))) == NULL)
			err(1, "malloc");
		conns[fd]->len = 0;
		conns[fd]->closes = false;
		watch(ep, fd);
	}
}

/* Drop the complete heads from c->head and count them. */
static size_t
take_heads(struct conn *c)
{
	char *line = c->head;
	char *start = c->head;
	char *end = c->head + c->len;
	char *nl;
	size_t n = 0;

	while (n < BATCH && (nl = memchr(line, '\n', (size_t)(end - line)))) {
		if (nl - line <= 1) {
			n++;
			start = nl + 1;
		} else if (nl - line == 18 &&
		           memcmp(line, "Connection: close\r", 18) == 0) {
			c->closes = true;
		}
		line = nl + 1;
	}
	c->len = (size_t)(end - start);
	memmove(c->head, start, c->len);
	return n;
}

/* false: the connection is to be closed. */
static bool
serve(int fd, struct conn *c)
{
	ssize_t got = recv(fd, c->head + c->len, HEAD_MAX - c->len, 0);
	size_t n;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	c->len += (size_t)got;
	while ((n = take_heads(c)) > 0) {
		size_t size =
		    c->closes ? sizeof(last) - 1 : n * (sizeof(keep) - 1);
		const char *from = c->closes ? last : many;

		if (send(fd, from, size, MSG_NOSIGNAL) != (ssize_t)size ||
		    c->closes)
			return false;
	}
	return c->len < HEAD_MAX;
}

int
main(int argc, char *argv[])
{
	struct epoll_event ready[512];
	long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	int listener, ep, n;

	if (port <= 0 || port > UINT16_MAX)
		errx(2, "usage: reference PORT");
	for (size_t i = 0; i < BATCH; i++)
		memcpy(many + i * (sizeof(keep) - 1), keep, sizeof(keep) - 1);
	listener = listen_on((uint16_t)port);
	if ((ep = epoll_create1(0)) < 0)
		err(1, "epoll_create1");
	watch(ep, listener);
	for (;;) {
		n = epoll_wait(ep, ready, 512, -1);
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;

			if (fd == listener)
				accept_all(ep, listener);
			else if (!serve(fd, conns[fd]))
				close(fd);
		}
	}
}
