noinst_LIBRARIES += libgt_config.a
libgt_config_a_SOURCES = \
	src/config/cli.c \
	src/config/ini.c \
	src/config/load.c \
	src/config/print.c \
	src/config/setting.c \
	src/config/value.c \
	src/config/config_priv.h \
	src/config/tbl/settings.def \
	src/config/tbl/server.def \
	src/config/tbl/worker.def \
	src/config/tbl/http.def \
	src/config/tbl/python.def \
	src/config/tbl/log.def \
	include/gthreadd/config/child.h \
	include/gthreadd/config/load.h \
	include/gthreadd/config/settings.h
libgt_config_a_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
config_libs = libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/config/test_value \
	tests/unit/config/test_ini \
	tests/unit/config/test_load
TESTS += \
	tests/unit/config/test_value \
	tests/unit/config/test_ini \
	tests/unit/config/test_load
tests_unit_config_test_value_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_config_test_value_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_ini_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_config_test_ini_LDADD = $(config_libs) $(CMOCKA_LIBS)
tests_unit_config_test_load_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_config_test_load_LDADD = $(config_libs) $(CMOCKA_LIBS)
endif
