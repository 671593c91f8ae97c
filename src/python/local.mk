noinst_LIBRARIES += libgt_python.a
libgt_python_a_SOURCES = \
	src/python/fork.c \
	src/python/gil.c \
	src/python/interp.c \
	src/python/modules.c \
	src/python/pyconfig.c \
	src/python/pyerr.c \
	src/python/pyobj.c \
	src/python/spew.c \
	src/python/stacks.c \
	src/python/venv.c \
	include/gthreadd/python/fork.h \
	include/gthreadd/python/gil.h \
	include/gthreadd/python/interp.h \
	include/gthreadd/python/modules.h \
	include/gthreadd/python/nogil.h \
	include/gthreadd/python/pyconfig.h \
	include/gthreadd/python/pyerr.h \
	include/gthreadd/python/pyobj.h \
	include/gthreadd/python/spew.h \
	include/gthreadd/python/stacks.h \
	src/python/python_priv.h
libgt_python_a_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
python_libs = libgt_python.a libgt_exchange.a libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(PYTHON_LIBS) $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/python/test_gil \
	tests/unit/python/test_interp \
	tests/unit/python/test_pyobj \
	tests/unit/python/test_stacks \
	tests/unit/python/test_venv
tests_unit_python_test_gil_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_python_test_gil_LDADD = $(python_libs) $(CMOCKA_LIBS)
tests_unit_python_test_interp_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_python_test_interp_LDADD = $(python_libs) $(CMOCKA_LIBS)
tests_unit_python_test_pyobj_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_python_test_pyobj_LDADD = $(python_libs) $(CMOCKA_LIBS)
tests_unit_python_test_stacks_CPPFLAGS = $(AM_CPPFLAGS) $(PYTHON_CFLAGS)
tests_unit_python_test_stacks_LDADD = $(python_libs) $(CMOCKA_LIBS)
tests_unit_python_test_venv_LDADD = $(python_libs) $(CMOCKA_LIBS)
endif
