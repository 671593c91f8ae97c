/* SPDX-License-Identifier: MIT */
/* The id of a request in its environ (request-id-header). */
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
