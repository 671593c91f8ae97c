EXTRA_DIST += tests/lsan.supp tests/tsan.supp tests/unit/cmocka_all.h \
	tests/fuzz/must.h

check_PROGRAMS += tests/tools/board
tests_tools_board_LDADD = libgt_stats.a libgt_base.a

# The tree itself: layers, headers, names. Each script prints what it found.
dist_check_SCRIPTS += \
	tests/lint/headers.sh \
	tests/lint/layers.py \
	tests/lint/names.py \
	tests/lint/settings.py
TESTS += \
	tests/lint/headers.sh \
	tests/lint/layers.py \
	tests/lint/names.py \
	tests/lint/settings.py

# The real daemon with real clients. PYTEST_ARGS="-k upload -x" chooses.
E2E_INTERPRETER = /usr/bin/python3
e2e_files = \
	tests/e2e/apps/background.py \
	tests/e2e/apps/cases_app.py \
	tests/e2e/apps/crowd_app.py \
	tests/e2e/apps/djadmin/__init__.py \
	tests/e2e/apps/djadmin/settings.py \
	tests/e2e/apps/djadmin/urls.py \
	tests/e2e/apps/djadmin/wsgi.py \
	tests/e2e/apps/djproj/djproj/__init__.py \
	tests/e2e/apps/djproj/djproj/settings.py \
	tests/e2e/apps/djproj/djproj/urls.py \
	tests/e2e/apps/djproj/djproj/wsgi.py \
	tests/e2e/apps/djproj/manage.py \
	tests/e2e/apps/djproj/shop/__init__.py \
	tests/e2e/apps/djproj/shop/templates/shop/done.html \
	tests/e2e/apps/djproj/shop/templates/shop/order.html \
	tests/e2e/apps/djproj/shop/views.py \
	tests/e2e/apps/extension_app.py \
	tests/e2e/apps/failing_calls_app.py \
	tests/e2e/apps/flask_app.py \
	tests/e2e/apps/fork_app.py \
	tests/e2e/apps/free_app.py \
	tests/e2e/apps/held_app.py \
	tests/e2e/apps/hook_app.py \
	tests/e2e/apps/log_app.py \
	tests/e2e/apps/seen_app.py \
	tests/e2e/apps/stuck_app.py \
	tests/e2e/apps/validate_app.py \
	tests/e2e/apps/wsgi_app.py \
	tests/e2e/acceptance.py \
	tests/e2e/attacks.py \
	tests/e2e/conftest.py \
	tests/e2e/control.py \
	tests/e2e/debian.py \
	tests/e2e/gunicorn_flags.py \
	tests/e2e/harness.py \
	tests/e2e/hooks.py \
	tests/e2e/load.py \
	tests/e2e/manager.py \
	tests/e2e/nginx.py \
	tests/e2e/rawclient.py \
	tests/e2e/reloading.py \
	tests/e2e/server.py \
	tests/e2e/stuck.py \
	tests/e2e/upgrading.py \
	tests/e2e/users.py \
	tests/e2e/test_access.py \
	tests/e2e/test_app_forks.py \
	tests/e2e/test_app_log.py \
	tests/e2e/test_bench.py \
	tests/e2e/test_body.py \
	tests/e2e/test_boot.py \
	tests/e2e/test_broken_clients.py \
	tests/e2e/test_compat.py \
	tests/e2e/test_complete_block.py \
	tests/e2e/test_concurrency.py \
	tests/e2e/test_control.py \
	tests/e2e/test_control_manual.py \
	tests/e2e/test_control_page.py \
	tests/e2e/test_crowd.py \
	tests/e2e/test_curl.py \
	tests/e2e/test_daemon.py \
	tests/e2e/test_defects.py \
	tests/e2e/test_django.py \
	tests/e2e/test_early_hints.py \
	tests/e2e/test_examples.py \
	tests/e2e/test_extensions.py \
	tests/e2e/test_file_wrapper.py \
	tests/e2e/test_flask.py \
	tests/e2e/test_forkserver.py \
	tests/e2e/test_framing.py \
	tests/e2e/test_free_threaded.py \
	tests/e2e/test_gthreadctl.py \
	tests/e2e/test_hooks.py \
	tests/e2e/test_init_script.py \
	tests/e2e/test_keepalive.py \
	tests/e2e/test_limits.py \
	tests/e2e/test_liveness.py \
	tests/e2e/test_log.py \
	tests/e2e/test_logrotate.py \
	tests/e2e/test_manual.py \
	tests/e2e/test_metrics.py \
	tests/e2e/test_nginx.py \
	tests/e2e/test_notify.py \
	tests/e2e/test_paste.py \
	tests/e2e/test_pid1.py \
	tests/e2e/test_promises.py \
	tests/e2e/test_proxy_protocol.py \
	tests/e2e/test_pyconfig.py \
	tests/e2e/test_real_apps.py \
	tests/e2e/test_relay.py \
	tests/e2e/test_reload.py \
	tests/e2e/test_reload_dev.py \
	tests/e2e/test_response.py \
	tests/e2e/test_reuse_port.py \
	tests/e2e/test_serve.py \
	tests/e2e/test_settings.py \
	tests/e2e/test_shortage.py \
	tests/e2e/test_signals.py \
	tests/e2e/test_signals_page.py \
	tests/e2e/test_slow_attacks.py \
	tests/e2e/test_slow_clients.py \
	tests/e2e/test_smuggling.py \
	tests/e2e/test_spool.py \
	tests/e2e/test_stop.py \
	tests/e2e/test_stuck.py \
	tests/e2e/test_trust.py \
	tests/e2e/test_units.py \
	tests/e2e/test_unix.py \
	tests/e2e/test_upgrade.py \
	tests/e2e/test_upgrade_undone.py \
	tests/e2e/test_user.py \
	tests/e2e/test_wsgi.py
EXTRA_DIST += $(e2e_files) bench/memory.py tests/parity/smuggling.py

check-e2e: gthreadd$(EXEEXT) gthreadctl$(EXEEXT) tests/tools/board$(EXEEXT)
	$(AM_TESTS_ENVIRONMENT) GTHREADD='$(abs_top_builddir)/gthreadd$(EXEEXT)' \
	PYTHONDONTWRITEBYTECODE=1 $(E2E_INTERPRETER) -m pytest -p no:cacheprovider \
		'$(top_srcdir)/tests/e2e' $(PYTEST_ARGS)
.PHONY: check-e2e

EXTRA_DIST += \
	examples/background.ini \
	examples/background.py \
	examples/bottle.ini \
	examples/bottle_app.py \
	examples/django.ini \
	examples/django_site/manage.py \
	examples/django_site/mysite/__init__.py \
	examples/django_site/mysite/settings.py \
	examples/django_site/mysite/urls.py \
	examples/django_site/mysite/wsgi.py \
	examples/flask.ini \
	examples/flask_app.py \
	examples/gthreadd.ini \
	examples/hello.py \
	examples/hooks.ini \
	examples/hooks.py \
	examples/nginx.ini \
	examples/socket.ini \
	examples/streaming.ini \
	examples/streaming.py \
	examples/virtualenv.ini
