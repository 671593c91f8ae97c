noinst_LIBRARIES += libgt_http.a
libgt_http_a_SOURCES = \
	src/http/body.c \
	src/http/char.c \
	src/http/field.c \
	src/http/forwarded.c \
	src/http/head.c \
	src/http/request.c \
	src/http/response.c \
	src/http/status.c \
	src/http/target.c \
	src/http/verdict.c \
	src/http/http_priv.h \
	src/http/tbl/field.def \
	src/http/tbl/method.def \
	src/http/tbl/status.def \
	include/gthreadd/http/body.h \
	include/gthreadd/http/forwarded.h \
	include/gthreadd/http/head.h \
	include/gthreadd/http/request.h \
	include/gthreadd/http/response.h \
	include/gthreadd/http/verdict.h
http_libs = libgt_http.a libgt_net.a libgt_base.a

EXTRA_DIST += doc/rfc.md \
	tests/http/corpus/README.md \
	tests/http/corpus/chunked.txt \
	tests/http/corpus/field.txt \
	tests/http/corpus/framing.txt \
	tests/http/corpus/limit.txt \
	tests/http/corpus/line.txt \
	tests/http/corpus/target.txt

if HAVE_CMOCKA
unit_tests += \
	tests/unit/http/test_body \
	tests/unit/http/test_corpus \
	tests/unit/http/test_forwarded \
	tests/unit/http/test_head \
	tests/unit/http/test_response \
	tests/unit/http/test_verdict
tests_unit_http_test_body_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_corpus_SOURCES = tests/unit/http/test_corpus.c \
	tests/unit/http/corpus.c tests/unit/http/corpus.h
tests_unit_http_test_corpus_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(abs_top_srcdir)/tests/http/corpus"'
tests_unit_http_test_corpus_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_forwarded_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_head_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_response_LDADD = $(http_libs) $(CMOCKA_LIBS)
tests_unit_http_test_verdict_LDADD = $(http_libs) $(CMOCKA_LIBS)
endif

# A fuzzer's seeds are in tests/fuzz/corpus/<what follows fuzz_>.
http_fuzz_targets = \
	tests/fuzz/fuzz_body \
	tests/fuzz/fuzz_forwarded \
	tests/fuzz/fuzz_head \
	tests/fuzz/fuzz_target
EXTRA_PROGRAMS += $(http_fuzz_targets)
fuzz_targets += $(http_fuzz_targets)
EXTRA_DIST += tests/fuzz/http.dict \
	tests/fuzz/corpus/body tests/fuzz/corpus/forwarded tests/fuzz/forwarded.dict \
	tests/fuzz/corpus/head tests/fuzz/corpus/target
tests_fuzz_fuzz_body_LDADD = $(http_libs)
tests_fuzz_fuzz_body_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_forwarded_LDADD = $(http_libs)
tests_fuzz_fuzz_forwarded_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_head_LDADD = $(http_libs)
tests_fuzz_fuzz_head_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_target_LDADD = $(http_libs)
tests_fuzz_fuzz_target_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
