/* SPDX-License-Identifier: MIT */
/*
 * From settings to what is looked up for each connection and request. Knows
 * nothing of requests: http/forwarded.c judges them.
 */
#include <stdlib.h>

#include "gthreadd/net/trust.h"

static enum gt_err
make_networks(const struct gt_strv *texts, struct gt_cidr_list *out)
{
	const char *why;
	enum gt_err rc = GT_OK;

	if (texts->n == 0)
		return GT_OK;
	if ((out->v = calloc(texts->n, sizeof(*out->v))) == NULL)
		return GT_NOMEM;
	out->n = texts->n;
	for (size_t i = 0; i < texts->n && rc == GT_OK; i++)
		rc = gt_cidr_parse(gt_str_of(texts->v[i]), &out->v[i], &why);
	return rc;
}

static enum gt_err
make_names(struct gt_trust *t, const struct gt_strv *texts)
{
	if (texts->n == 0)
		return GT_OK;
	if ((t->names = calloc(texts->n, sizeof(*t->names))) == NULL)
		return GT_NOMEM;
	for (size_t i = 0; i < texts->n; i++) {
		struct gt_str name = gt_str_of(texts->v[i]);

		t->all_names |= gt_str_eq(name, GT_STR("*"));
		t->names[t->nnames++] = name;
	}
	return GT_OK;
}

/* "NAME=value" each. */
static enum gt_err
make_schemes(struct gt_trust *t, const struct gt_strv *texts)
{
	if (texts->n == 0)
		return GT_OK;
	if ((t->schemes = calloc(texts->n, sizeof(*t->schemes))) == NULL)
		return GT_NOMEM;
	for (size_t i = 0; i < texts->n; i++) {
		struct gt_trust_scheme *sc = &t->schemes[t->nschemes++];

		sc->value = gt_str_of(texts->v[i]);
		gt_str_split(&sc->value, '=', &sc->name);
		if (sc->value.p == NULL)
			return GT_INVALID;
		sc->name = gt_str_trim(sc->name);
		sc->value = gt_str_trim(sc->value);
	}
	return GT_OK;
}

struct gt_str
gt_trust_mount(struct gt_str script_name)
{
	while (script_name.n > 0 && script_name.p[script_name.n - 1] == '/')
		script_name.n--;
	return script_name;
}

enum gt_err
gt_trust_create(const struct gt_settings *s, const char *script_name,
                struct gt_trust **out)
{
	struct gt_trust *t = calloc(1, sizeof(*t));
	enum gt_err rc;

	if (t == NULL)
		return GT_NOMEM;
	t->proxy_mode = (enum gt_proxy_mode)s->proxy_protocol;
	t->map = (enum gt_header_map)s->header_map;
	t->client_field = gt_str_of(s->remote_addr_header);
	t->client_is_forwarded =
	    gt_str_eq_icase(t->client_field, GT_STR("Forwarded"));
	if (script_name != NULL)
		t->script_name = gt_trust_mount(gt_str_of(script_name));
	if ((rc = make_networks(&s->forwarded_allow_ips, &t->forwarders)) !=
	        GT_OK ||
	    (rc = make_networks(&s->proxy_allow_from, &t->proxies)) != GT_OK ||
	    (rc = make_names(t, &s->forwarder_headers)) != GT_OK ||
	    (rc = make_schemes(t, &s->secure_scheme_headers)) != GT_OK) {
		gt_trust_destroy(t);
		return rc;
	}
	*out = t;
	return GT_OK;
}

void
gt_trust_destroy(struct gt_trust *t)
{
	if (t == NULL)
		return;
	free(t->forwarders.v);
	free(t->proxies.v);
	free(t->names);
	free(t->schemes);
	free(t);
}

bool
gt_trust_is_forwarder(const struct gt_trust *t, const struct gt_ip *ip)
{
	return ip == NULL || gt_cidr_list_has(&t->forwarders, ip);
}

bool
gt_trust_is_proxy(const struct gt_trust *t, const struct gt_ip *ip)
{
	return ip == NULL || gt_cidr_list_has(&t->proxies, ip);
}
