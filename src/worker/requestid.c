/* SPDX-License-Identifier: MIT */
/*
 * Ids of requests (request-id-header): taken from a trusted proxy, or made
 * of 128 random bits. The loop's alone; nothing of it runs when it is off.
 */
#include <sys/random.h>

#include "worker_priv.h"

#define ID_OCTETS 16  /* random ones of an id */
#define ID_MAX    128 /* of one that a proxy sent */

/* It goes into logs and other programs' hands: no quotes, no blanks. */
static bool
is_sane(struct gt_str id)
{
	static const char others[] = "._~:+=@/-";

	for (size_t i = 0; i < id.n; i++) {
		char c = gt_ascii_lower(id.p[i]);

		if (!(c >= 'a' && c <= 'z') && !gt_ascii_is_digit(c) &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return id.n > 0 && id.n <= ID_MAX;
}

/* The field's value; n is 0 when there is none, or more than one. */
static struct gt_str
received_id(const struct gt_exchange *ex)
{
	struct gt_str name = ex->service->id_header, id = {NULL, 0};
	size_t seen = 0;

	for (size_t i = 0; i < ex->request.nfields; i++) {
		const struct gt_field *f = &ex->request.field[i];

		if (!gt_str_eq_icase(gt_exchange_str(ex, f->name), name))
			continue;
		id = gt_exchange_str(ex, f->value);
		seen++;
	}
	return seen == 1 ? id : (struct gt_str){NULL, 0};
}

GT_ON_LOOP static enum gt_err
make_id(struct gt_worker *w, struct gt_exchange *ex)
{
	static const char hex[] = "0123456789abcdef";
	struct gt_request_ids *ids = &w->ids;
	const unsigned char *from;
	char *id;

	ex->request_id.n = 0;
	if (ids->left < ID_OCTETS) {
		if (getrandom(ids->octets, sizeof(ids->octets), 0) !=
		    (ssize_t)sizeof(ids->octets))
			return GT_SYS;
		ids->left = sizeof(ids->octets);
	}
	if ((id = gt_arena_alloc(&ex->arena, 2 * (size_t)ID_OCTETS)) == NULL)
		return GT_NOMEM;
	ids->left -= ID_OCTETS;
	from = ids->octets + ids->left;
	for (size_t i = 0; i < ID_OCTETS; i++) {
		id[2 * i] = hex[from[i] >> 4];
		id[2 * i + 1] = hex[from[i] & 15];
	}
	ex->request_id = (struct gt_str){id, 2 * (size_t)ID_OCTETS};
	return GT_OK;
}

enum gt_err
gt_request_id_give(struct gt_conn *c)
{
	struct gt_exchange *ex = c->ex;

	if (c->peer.is_forwarder) {
		ex->request_id = received_id(ex);
		if (is_sane(ex->request_id))
			return GT_OK;
	}
	return make_id(c->worker, ex);
}
