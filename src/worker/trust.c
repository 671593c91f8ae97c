/* SPDX-License-Identifier: MIT */
/*
 * Where connections and requests come from: the PROXY preface of a
 * connection, the verdict on the fields of a request, and the names of fields
 * that were left out, logged once each. The loop's alone.
 */
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/log.h"
#include "worker_priv.h"

/* What the socket alone tells. */
void
gt_trust_open(struct gt_conn *c, const struct sockaddr *sa)
{
	const struct gt_trust *t = c->worker->service.trust;
	struct gt_ip ip;
	bool has_ip = gt_ip_of_sockaddr(sa, &ip);

	gt_addr_text(sa, &c->peer.remote);
	c->peer.is_forwarder = gt_trust_is_forwarder(t, has_ip ? &ip : NULL);
	c->is_proxy = gt_trust_is_proxy(t, has_ip ? &ip : NULL);
}

void
gt_trust_close(struct gt_conn *c)
{
	free(c->proxy);
	c->proxy = NULL;
	c->peer.proxy = NULL;
}

/*
 * The requests are those of the client that the proxy has named. When it
 * cannot name it, their fields are anybody's; the proxy's own are its own.
 */
GT_ON_LOOP static enum gt_err
adopt(struct gt_conn *c, const struct gt_proxy_info *info)
{
	if (info->kind == GT_PROXY_UNKNOWN)
		c->peer.is_forwarder = false;
	if (info->kind != GT_PROXY_CLIENT)
		return GT_OK;
	if ((c->proxy = malloc(sizeof(*c->proxy))) == NULL)
		return GT_NOMEM;
	*c->proxy = *info;
	c->peer.proxy = c->proxy;
	c->peer.is_forwarder =
	    gt_trust_is_forwarder(c->worker->service.trust, &info->ip);
	return GT_OK;
}

enum gt_err
gt_trust_preface(struct gt_conn *c, const char **why)
{
	struct gt_buf *head = &c->ex->head;
	struct gt_proxy_info info;
	bool begun;
	size_t used;
	enum gt_err rc;

	rc = gt_proxy_parse(c->worker->service.trust->proxy_mode, head->p,
	                    head->len, &info, &used, &begun, why);
	if (begun && !c->is_proxy) {
		*why = "PROXY preface of a peer that is not in "
		       "proxy-allow-from";
		return GT_FORBIDDEN;
	}
	if (rc != GT_OK)
		return rc;
	gt_buf_consume(head, used);
	return adopt(c, &info);
}

/* A set of a few short names; what does not fit counts as known. */
static bool
is_new_name(struct gt_dropped *d, struct gt_str name)
{
	struct gt_str have;

	if (name.n > GT_DROPPED_NAME)
		name.n = GT_DROPPED_NAME;
	for (size_t i = 0; i < d->n; i++) {
		have = (struct gt_str){d->name[i], d->len[i]};
		if (gt_str_eq_icase(have, name))
			return false;
	}
	if (d->n == GT_DROPPED_NAMES)
		return false;
	memcpy(d->name[d->n], name.p, name.n);
	d->len[d->n++] = (unsigned char)name.n;
	return true;
}

static void
on_dropped(void *arg, struct gt_str name)
{
	struct gt_conn *c = arg;
	struct gt_dropped *d = &c->worker->dropped;

	gt_assert_loop();
	if (!is_new_name(d, name))
		return;
	gt_log_warning("header field dropped name=%.*s peer=%s (header-map, "
	               "forwarder-headers; logged once)",
	               (int)name.n, name.p, gt_peer_name(&c->peer));
	if (d->n == GT_DROPPED_NAMES)
		gt_log_warning("names of dropped header fields are logged no "
		               "more");
}

enum gt_err
gt_trust_judge(struct gt_conn *c, const char **why)
{
	struct gt_exchange *ex = c->ex;

	return gt_verdict_reach(c->worker->service.trust, c->peer.is_forwarder,
	                        &ex->request, ex->head.p, on_dropped, c,
	                        &ex->verdict, why);
}
