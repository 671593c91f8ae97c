/* SPDX-License-Identifier: MIT */
/*
 * gthreadctl(8): looks into a running gthreadd and controls it, by its control
 * socket.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/parse.h"
#include "gthreadd/config/load.h"
#include "gthreadd/ctl/client.h"

#include "main_priv.h"

struct options {
	const char *socket;
	char *ini;
	struct gt_config *config; /* owned; socket may be its */
	bool is_json, is_batch;
	unsigned interval_ms, count;
};

struct command {
	const char *name;
	const char *argument; /* NULL: it takes none */
	const char *method;
	const char *target; /* %s: the argument; NULL: top */
	gt_view *view;      /* of the status; NULL: as it comes */
	const char *summary;
};

static const struct command commands[] = {
    {"status", NULL, "GET", "/status", gt_view_status,
     "what it does, in short"},
    {"workers", NULL, "GET", "/status", gt_view_workers,
     "a line for each worker"},
    {"threads", NULL, "GET", "/status", gt_view_threads,
     "a line for each thread, with its request"},
    {"stacks", NULL, "GET", "/stacks", NULL, "Python stacks of all threads"},
    {"top", NULL, "GET", NULL, NULL,
     "workers and requests, refreshed; q ends it"},
    {"metrics", NULL, "GET", "/metrics", NULL, "numbers for Prometheus"},
    {"health", NULL, "GET", "/healthz", NULL, "can it serve?"},
    {"reload", NULL, "POST", "/reload", NULL,
     "read the settings again; wait until it has ended"},
    {"reopen", NULL, "POST", "/reopen", NULL, "open the log files again"},
    {"upgrade", NULL, "POST", "/upgrade", NULL,
     "run the program that is on disk now"},
    {"stop", NULL, "POST", "/stop", NULL, "finish the requests and end"},
    {"quit", NULL, "POST", "/quit", NULL, "end within a second"},
    {"scale", "N", "POST", "/workers?n=%s", NULL,
     "so many workers, until the next reload"},
    {"recycle", "PID", "POST", "/workers/%s/recycle", NULL,
     "replace this worker"},
    {"log-level", "LEVEL", "POST", "/log-level?level=%s", NULL,
     "debug, info, warning, error or critical"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_help(void)
{
	char left[32];

	fputs("Usage: gthreadctl [-s SOCKET | -c INI] [OPTION]... COMMAND\n"
	      "Look into a running gthreadd and control it.\n\n"
	      "  -s, --socket SOCKET   its control socket\n"
	      "  -c, --config INI      take control-socket from its settings\n"
	      "  -j, --json            print what the server answers\n"
	      "  -b, --batch           top: print, no screen\n"
	      "  -d, --delay SECONDS   top: between two looks [1]\n"
	      "  -n, --count N         top: end after so many\n"
	      "  -h, --help            print this and exit\n"
	      "  -v, --version         print the version and exit\n\n"
	      "Commands:\n",
	      stdout);
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];

		snprintf(left, sizeof(left), "%s%s%s", c->name,
		         c->argument == NULL ? "" : " ",
		         c->argument == NULL ? "" : c->argument);
		printf("  %-20s  %s\n", left, c->summary);
	}
}

GT_PRINTF(1, 2)
static int
misuse(const char *fmt, ...)
{
	va_list ap;

	fputs("gthreadctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'gthreadctl --help'.\n", stderr);
	return GT_CTL_USAGE;
}

/* ---- which server ---- */

/*
 * The application is of no interest; it may be on the server's command line.
 * Nor is whether we could become its user.
 */
static int
find_socket(struct options *o)
{
	static char program[] = "gthreadctl", flag[] = "-c",
	            print[] = "--print-config", app[] = "none:none";
	static char *argv[] = {program, flag, NULL, print, app, NULL};

	if (o->socket != NULL)
		return GT_CTL_DONE;
	if (o->ini == NULL)
		return misuse("which server? -s SOCKET or -c INI");
	argv[2] = o->ini;
	if (gt_config_load(5, argv, environ, NULL, stderr, &o->config) != GT_OK)
		return GT_CTL_USAGE;
	o->socket = gt_config_settings(o->config)->control_socket;
	if (o->socket[0] != '\0')
		return GT_CTL_DONE;
	fprintf(stderr, "gthreadctl: %s: control-socket is not set\n", o->ini);
	return GT_CTL_USAGE;
}

/* ---- what it answers ---- */

/* The message of {"ok":..., "message":...}; else the text as it is. */
static void
print_message(FILE *f, const struct gt_buf *body)
{
	json_t *o = json_loadb(body->p, body->len, 0, NULL);
	const char *message = json_string_value(json_object_get(o, "message"));

	if (message != NULL)
		fprintf(f, "%s\n", message);
	else
		fwrite(body->p, 1, body->len, f);
	json_decref(o);
}

static int
print_view(gt_view *view, const struct gt_buf *body)
{
	json_t *status = json_loadb(body->p, body->len, 0, NULL);
	struct gt_buf out = {0};

	if (status == NULL) {
		fputs("gthreadctl: the answer is not JSON\n", stderr);
		return GT_CTL_NO_SERVER;
	}
	view(status, &out);
	fwrite(out.p, 1, out.len, stdout);
	gt_buf_fini(&out);
	json_decref(status);
	return GT_CTL_DONE;
}

static int
print_reply(const struct options *o, const struct command *c,
            const struct gt_ctl_reply *r)
{
	if (o->is_json) {
		fwrite(r->body.p, 1, r->body.len, stdout);
		putchar('\n');
		return r->status < 400 ? GT_CTL_DONE : GT_CTL_REFUSED;
	}
	if (r->status >= 400) {
		fputs("gthreadctl: ", stderr);
		print_message(stderr, &r->body);
		return GT_CTL_REFUSED;
	}
	if (c->view != NULL)
		return print_view(c->view, &r->body);
	print_message(stdout, &r->body);
	return GT_CTL_DONE;
}

static int
run(const struct options *o, const struct command *c, const char *argument)
{
	struct gt_ctl_reply r;
	char target[128], why[512];
	const char *at = strchr(c->target, '%');
	int code;

	if (at == NULL)
		snprintf(target, sizeof(target), "%s", c->target);
	else
		snprintf(target, sizeof(target), "%.*s%s%s",
		         (int)(at - c->target), c->target, argument, at + 2);
	if (gt_ctl_request(o->socket, c->method, target, &r, why,
	                   sizeof(why)) != GT_OK) {
		fprintf(stderr, "gthreadctl: %s\n", why);
		return GT_CTL_NO_SERVER;
	}
	code = print_reply(o, c, &r);
	gt_buf_fini(&r.body);
	return code;
}

static json_t *
get_status(void *arg, char *why, size_t n)
{
	const struct options *o = arg;
	struct gt_ctl_reply r;
	json_t *status;

	if (gt_ctl_request(o->socket, "GET", "/status", &r, why, n) != GT_OK)
		return NULL;
	status =
	    r.status == 200 ? json_loadb(r.body.p, r.body.len, 0, NULL) : NULL;
	if (status == NULL)
		snprintf(why, n, "%s: status %d", o->socket, r.status);
	gt_buf_fini(&r.body);
	return status;
}

static int
run_top(struct options *o)
{
	const struct gt_top_options top = {
	    .source = get_status,
	    .arg = o,
	    .interval_ms = o->interval_ms,
	    .is_batch = o->is_batch || !isatty(STDOUT_FILENO),
	    .count = o->count,
	};

	return gt_top_run(&top);
}

/* ---- the command line ---- */

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* An argument is a word: nothing that a target would have to escape. */
static bool
is_word(const char *s)
{
	return *s != '\0' && strlen(s) < 40 &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int
act(struct options *o, int argc, char *const argv[])
{
	const struct command *c;
	int code;

	if (argc == 0)
		return misuse("which command?");
	if ((c = find_command(argv[0])) == NULL)
		return misuse("there is no command '%s'", argv[0]);
	if (argc != 1 + (c->argument != NULL) ||
	    (argc == 2 && !is_word(argv[1])))
		return c->argument != NULL
		           ? misuse("it takes one argument, %s", c->argument)
		           : misuse("'%s' takes no argument", c->name);
	if ((code = find_socket(o)) != GT_CTL_DONE)
		return code;
	if (c->target == NULL && !o->is_json)
		return run_top(o);
	if (c->target == NULL)
		c = find_command("status");
	return run(o, c, argc == 2 ? argv[1] : "");
}

/* Errors: false. */
static bool
read_number(const char *s, uint64_t least, uint64_t most, unsigned *out)
{
	uint64_t n;

	if (gt_parse_decimal(gt_str_of(s), &n) != GT_OK || n < least ||
	    n > most)
		return false;
	*out = (unsigned)n;
	return true;
}

/* -1: go on; else the code to exit with. */
static int
take_option(struct options *o, int letter)
{
	unsigned seconds;

	switch (letter) {
	case 's':
		o->socket = optarg;
		return -1;
	case 'c':
		o->ini = optarg;
		return -1;
	case 'j':
		o->is_json = true;
		return -1;
	case 'b':
		o->is_batch = true;
		return -1;
	case 'd':
		if (!read_number(optarg, 1, 3600, &seconds))
			return misuse("not a delay: %s", optarg);
		o->interval_ms = seconds * 1000;
		return -1;
	case 'n':
		if (!read_number(optarg, 1, 1000000, &o->count))
			return misuse("not a count: %s", optarg);
		return -1;
	case 'h':
		print_help();
		return GT_CTL_DONE;
	case 'v':
		printf("gthreadctl %s\n", PACKAGE_VERSION);
		return GT_CTL_DONE;
	default:
		fputs("Try 'gthreadctl --help'.\n", stderr);
		return GT_CTL_USAGE;
	}
}

int
main(int argc, char *argv[])
{
	static const struct option longs[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"config", required_argument, NULL, 'c'},
	    {"json", no_argument, NULL, 'j'},
	    {"batch", no_argument, NULL, 'b'},
	    {"delay", required_argument, NULL, 'd'},
	    {"count", required_argument, NULL, 'n'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	struct options o = {.interval_ms = 1000};
	int letter, code = -1;

	while (code < 0 && (letter = getopt_long(argc, argv, "s:c:jbd:n:hv",
	                                         longs, NULL)) != -1)
		code = take_option(&o, letter);
	if (code < 0)
		code = act(&o, argc - optind, argv + optind);
	gt_config_destroy(o.config);
	if (fflush(stdout) != 0 && code == GT_CTL_DONE)
		code = GT_CTL_REFUSED;
	return code;
}
