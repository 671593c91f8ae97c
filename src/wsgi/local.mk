noinst_LIBRARIES += libgt_wsgi.a
libgt_wsgi_a_SOURCES = \
	src/wsgi/app.c \
	src/wsgi/body.c \
	src/wsgi/broken.c \
	src/wsgi/call.c \
	src/wsgi/const.c \
	src/wsgi/environ.c \
	src/wsgi/envid.c \
	src/wsgi/envlog.c \
	src/wsgi/errors.c \
	src/wsgi/filewrap.c \
	src/wsgi/forked.c \
	src/wsgi/hints.c \
	src/wsgi/hookcfg.c \
	src/wsgi/hooks.c \
	src/wsgi/input.c \
	src/wsgi/masterhooks.c \
	src/wsgi/logging.c \
	src/wsgi/module.c \
	src/wsgi/paste.c \
	src/wsgi/reqhooks.c \
	src/wsgi/send.c \
	src/wsgi/startresp.c \
	src/wsgi/wsgi_priv.h \
	include/gthreadd/wsgi/hooks.h \
	include/gthreadd/wsgi/wsgi.h
nodist_libgt_wsgi_a_SOURCES = src/wsgi/hooks_py.c
EXTRA_DIST += src/wsgi/hooks.py
CLEANFILES += src/wsgi/hooks_py.c

# The program has the text of hooks.py in it, as numbers.
src/wsgi/hooks_py.c: src/wsgi/hooks.py
	$(AM_V_GEN)$(MKDIR_P) src/wsgi && { \
	echo 'extern const char gt_hooks_source[];' && \
	echo 'const char gt_hooks_source[] = {' && \
	od -An -v -tx1 '$(srcdir)/src/wsgi/hooks.py' | \
	sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' && echo '0};'; } >$@.tmp && \
	mv $@.tmp $@
libgt_wsgi_a_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
wsgi_libs = libgt_wsgi.a libgt_python.a libgt_exchange.a libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(PYTHON_LIBS) $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/wsgi/test_app \
	tests/unit/wsgi/test_call \
	tests/unit/wsgi/test_environ \
	tests/unit/wsgi/test_filewrap \
	tests/unit/wsgi/test_input
wsgi_harness = tests/unit/wsgi/harness.c tests/unit/wsgi/harness.h
tests_unit_wsgi_test_app_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_wsgi_test_app_LDADD = $(wsgi_libs) $(CMOCKA_LIBS)
tests_unit_wsgi_test_call_SOURCES = tests/unit/wsgi/test_call.c $(wsgi_harness)
tests_unit_wsgi_test_call_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_wsgi_test_call_LDADD = $(wsgi_libs) $(CMOCKA_LIBS)
tests_unit_wsgi_test_environ_SOURCES = tests/unit/wsgi/test_environ.c $(wsgi_harness)
tests_unit_wsgi_test_environ_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_wsgi_test_environ_LDADD = $(wsgi_libs) $(CMOCKA_LIBS)
tests_unit_wsgi_test_filewrap_SOURCES = tests/unit/wsgi/test_filewrap.c $(wsgi_harness)
tests_unit_wsgi_test_filewrap_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_wsgi_test_filewrap_LDADD = $(wsgi_libs) $(CMOCKA_LIBS)
tests_unit_wsgi_test_input_SOURCES = tests/unit/wsgi/test_input.c $(wsgi_harness)
tests_unit_wsgi_test_input_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_wsgi_test_input_LDADD = $(wsgi_libs) $(CMOCKA_LIBS)
endif
