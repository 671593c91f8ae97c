noinst_LIBRARIES += libgt_http.a
libgt_http_a_SOURCES = \
	src/http/body.c \
	src/http/field.c \
	src/http/head.c \
	src/http/request.c \
	src/http/response.c \
	src/http/target.c \
	src/http/http_priv.h \
	src/http/tbl/field.def \
	src/http/tbl/method.def \
	src/http/tbl/status.def \
	include/gthreadd/http/body.h \
	include/gthreadd/http/head.h \
	include/gthreadd/http/request.h \
	include/gthreadd/http/response.h
http_libs = libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/http/test_body \
	tests/unit/http/test_head \
	tests/unit/http/test_response
TESTS += \
	tests/unit/http/test_body \
	tests/unit/http/test_head \
	tests/unit/http/test_response
tests_unit_http_test_body_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_http_test_body_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_head_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_http_test_head_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_response_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_http_test_response_LDADD = $(http_libs) $(CMOCKA_LIBS)
endif
