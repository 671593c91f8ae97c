noinst_LIBRARIES += libgt_config.a
libgt_config_a_SOURCES = \
	src/config/class.c \
	src/config/cli.c \
	src/config/foreign.c \
	src/config/hooks.c \
	src/config/gunicorn.c \
	src/config/import.c \
	src/config/ini.c \
	src/config/load.c \
	src/config/print.c \
	src/config/pychild.c \
	src/config/report.c \
	src/config/resolve.c \
	src/config/setting.c \
	src/config/split.c \
	src/config/value.c \
	src/config/config_priv.h \
	src/config/tbl/settings.def \
	src/config/tbl/dev.def \
	src/config/tbl/differs.def \
	src/config/tbl/foreign.def \
	src/config/tbl/server.def \
	src/config/tbl/worker.def \
	src/config/tbl/http.def \
	src/config/tbl/proxy.def \
	src/config/tbl/python.def \
	src/config/tbl/log.def \
	src/config/tbl/hooks.def \
	src/config/tbl/hook_names.def \
	include/gthreadd/config/child.h \
	include/gthreadd/config/hooks.h \
	include/gthreadd/config/load.h \
	include/gthreadd/config/settings.h
libgt_config_a_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
config_libs = libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/config/test_value \
	tests/unit/config/test_ini \
	tests/unit/config/test_cli \
	tests/unit/config/test_hooks \
	tests/unit/config/test_gunicorn \
	tests/unit/config/test_load
tests_unit_config_test_value_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_ini_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_cli_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_hooks_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_gunicorn_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_load_LDADD = $(config_libs) $(CMOCKA_LIBS)
endif

# Generated pages are committed; the test regenerates and compares them.
noinst_PROGRAMS += tools/settings-doc
tools_settings_doc_SOURCES = tools/settings-doc.c
tools_settings_doc_LDADD = $(config_libs)
noinst_PROGRAMS += tools/signals-doc
tools_signals_doc_SOURCES = tools/signals-doc.c
dist_man_MANS += man/gthreadd.8 man/gthreadd.ini.5 man/gthreadd-signals.7
BUILT_DOCS += man/gthreadd.ini.5 man/gthreadd-signals.7 conf/gthreadd.ini
dist_conf_DATA += conf/gthreadd.ini
EXTRA_DIST += man/gthreadd.ini.5.in man/gthreadd-signals.7.in
TESTS += tests/lint/docs.sh
dist_check_SCRIPTS += tests/lint/docs.sh

update-docs: tools/settings-doc tools/signals-doc
update-docs: tools/settings-doc tools/metrics-doc
	top_srcdir='$(srcdir)' top_builddir=. $(srcdir)/tests/lint/docs.sh update
.PHONY: update-docs

EXTRA_PROGRAMS += tests/fuzz/fuzz_ini
fuzz_targets += tests/fuzz/fuzz_ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz_ini.c
tests_fuzz_fuzz_ini_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ini_LDADD = $(config_libs)
EXTRA_DIST += tests/fuzz/ini.dict tests/fuzz/corpus/ini
