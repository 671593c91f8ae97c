noinst_LIBRARIES += libgt_base.a
libgt_base_a_SOURCES = \
	src/base/addr.c \
	src/base/buf.c \
	src/base/check.c \
	src/base/cidr.c \
	src/base/clock.c \
	src/base/err.c \
	src/base/fd.c \
	src/base/filewatch.c \
	src/base/lock.c \
	src/base/log.c \
	src/base/mem.c \
	src/base/os.c \
	src/base/parse.c \
	src/base/slab.c \
	src/base/start.c \
	src/base/str.c \
	include/gthreadd/base/addr.h \
	include/gthreadd/base/annot.h \
	include/gthreadd/base/buf.h \
	include/gthreadd/base/check.h \
	include/gthreadd/base/cidr.h \
	include/gthreadd/base/clock.h \
	include/gthreadd/base/err.h \
	include/gthreadd/base/fd.h \
	include/gthreadd/base/filewatch.h \
	include/gthreadd/base/lock.h \
	include/gthreadd/base/log.h \
	include/gthreadd/base/mem.h \
	include/gthreadd/base/os.h \
	include/gthreadd/base/parse.h \
	include/gthreadd/base/slab.h \
	include/gthreadd/base/start.h \
	include/gthreadd/base/str.h
base_libs = libgt_base.a

if HAVE_CMOCKA
unit_tests += \
	tests/unit/base/test_addr \
	tests/unit/base/test_buf \
	tests/unit/base/test_cidr \
	tests/unit/base/test_clock \
	tests/unit/base/test_fd \
	tests/unit/base/test_filewatch \
	tests/unit/base/test_log \
	tests/unit/base/test_mem \
	tests/unit/base/test_parse \
	tests/unit/base/test_slab \
	tests/unit/base/test_start \
	tests/unit/base/test_str
tests_unit_base_test_addr_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_buf_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_cidr_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_clock_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_fd_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_filewatch_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_log_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_mem_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_parse_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_slab_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_start_LDADD = $(base_libs) $(CMOCKA_LIBS)
tests_unit_base_test_str_LDADD = $(base_libs) $(CMOCKA_LIBS)
endif
