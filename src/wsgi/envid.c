/* SPDX-License-Identifier: MIT */
/*
 * What few requests have in their environ: an id (request-id-header), the
 * length of a body that came in chunks.
 */
#include "wsgi_priv.h"

/*
 * The field's key has the id whatever the client has sent: it would be taken
 * for ours.
 */
enum gt_err
gt_environ_add_id(const struct gt_app *app, PyObject *dict,
                  const struct gt_exchange *ex)
{
	PyObject *text;
	int rc;

	if (ex->request_id.n == 0 || app->id_key[0] == NULL)
		return GT_OK;
	if ((text = gt_pyobj_latin1(ex->request_id)) == NULL)
		return GT_PYTHON;
	rc = PyDict_SetItem(dict, app->id_key[0], text);
	if (rc == 0)
		rc = PyDict_SetItem(dict, app->id_key[1], text);
	Py_DECREF(text);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

enum gt_err
gt_environ_init_id(struct gt_app *app)
{
	struct gt_str name = gt_str_of(app->settings->request_id_header);

	if (name.n == 0)
		return GT_OK;
	app->id_key[0] = gt_environ_key(name);
	app->id_key[1] = PyUnicode_InternFromString("gthreadd.request_id");
	return app->id_key[0] != NULL && app->id_key[1] != NULL ? GT_OK
	                                                        : GT_PYTHON;
}

/*
 * A chunked body that was received whole has a length like any other; many
 * applications take one without for empty.
 */
enum gt_err
gt_environ_add_length(const struct gt_app *app, PyObject *dict,
                      struct gt_exchange *ex)
{
	PyObject *text;
	uint64_t n;
	int rc;

	if (!gt_request_has(&ex->request, GT_FIELD_TRANSFER_ENCODING) ||
	    !gt_inbox_is_whole(ex, &n))
		return GT_OK;
	text = PyUnicode_FromFormat("%llu", (unsigned long long)n);
	if (text == NULL)
		return GT_PYTHON;
	rc = PyDict_SetItem(dict, app->field[GT_FIELD_CONTENT_LENGTH], text);
	Py_DECREF(text);
	return rc == 0 ? GT_OK : GT_PYTHON;
}
