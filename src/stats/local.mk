noinst_LIBRARIES += libgt_stats.a
libgt_stats_a_SOURCES = \
	src/stats/access.c \
	src/stats/accessjson.c \
	src/stats/board.c \
	src/stats/counts.c \
	src/stats/format.c \
	src/stats/json.c \
	src/stats/metrics.c \
	src/stats/relay.c \
	src/stats/roster.c \
	src/stats/statsd.c \
	src/stats/stats_priv.h \
	src/stats/syslog.c \
	src/stats/tbl/atom.def \
	src/stats/tbl/metrics.def \
	include/gthreadd/stats/access.h \
	include/gthreadd/stats/board.h \
	include/gthreadd/stats/counts.h \
	include/gthreadd/stats/json.h \
	include/gthreadd/stats/metrics.h \
	include/gthreadd/stats/relay.h \
	include/gthreadd/stats/roster.h \
	include/gthreadd/stats/statsd.h \
	include/gthreadd/stats/syslog.h
stats_libs = libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(INIH_LIBS)

stats_record = tests/unit/stats/record.c tests/unit/stats/record.h

if HAVE_CMOCKA
unit_tests += \
	tests/unit/stats/test_access \
	tests/unit/stats/test_accessjson \
	tests/unit/stats/test_board \
	tests/unit/stats/test_json \
	tests/unit/stats/test_metrics \
	tests/unit/stats/test_relay \
	tests/unit/stats/test_roster \
	tests/unit/stats/test_statsd \
	tests/unit/stats/test_syslog
tests_unit_stats_test_json_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_metrics_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_access_SOURCES = tests/unit/stats/test_access.c $(stats_record)
tests_unit_stats_test_access_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_accessjson_SOURCES = tests/unit/stats/test_accessjson.c $(stats_record)
tests_unit_stats_test_accessjson_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_board_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_statsd_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_syslog_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_relay_LDADD = $(stats_libs) $(CMOCKA_LIBS)
tests_unit_stats_test_roster_LDADD = $(stats_libs) $(CMOCKA_LIBS)
endif

EXTRA_PROGRAMS += tests/fuzz/fuzz_access
fuzz_targets += tests/fuzz/fuzz_access
tests_fuzz_fuzz_access_LDADD = $(stats_libs)
tests_fuzz_fuzz_access_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/access.dict tests/fuzz/corpus/access
