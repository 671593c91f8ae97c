noinst_LIBRARIES += libgt_arbiter.a
libgt_arbiter_a_SOURCES = \
	src/arbiter/arbiter.c \
	src/arbiter/control.c \
	src/arbiter/daemon.c \
	src/arbiter/ending.c \
	src/arbiter/event.c \
	src/arbiter/forkchannel.c \
	src/arbiter/forkserver.c \
	src/arbiter/generation.c \
	src/arbiter/heir.c \
	src/arbiter/logs.c \
	src/arbiter/metrics.c \
	src/arbiter/metricsd.c \
	src/arbiter/notify.c \
	src/arbiter/oom.c \
	src/arbiter/order.c \
	src/arbiter/pidfile.c \
	src/arbiter/places.c \
	src/arbiter/reading.c \
	src/arbiter/reap.c \
	src/arbiter/reexec.c \
	src/arbiter/relays.c \
	src/arbiter/reload.c \
	src/arbiter/road.c \
	src/arbiter/signal.c \
	src/arbiter/sockets.c \
	src/arbiter/slots.c \
	src/arbiter/spawn.c \
	src/arbiter/stacks.c \
	src/arbiter/status.c \
	src/arbiter/summary.c \
	src/arbiter/watch.c \
	src/arbiter/arbiter_priv.h \
	src/arbiter/reexec_priv.h \
	src/arbiter/control_priv.h \
	src/arbiter/ending_priv.h \
	src/arbiter/event_priv.h \
	src/arbiter/relays_priv.h \
	src/arbiter/forkserver_priv.h \
	src/arbiter/pidfile_priv.h \
	src/arbiter/tbl/ends.def \
	src/arbiter/tbl/signals.def \
	include/gthreadd/arbiter/arbiter.h
libgt_arbiter_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
arbiter_libs = libgt_arbiter.a $(ctl_libs) libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(LIBEVENT_LIBS) $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/arbiter/test_arbiter \
	tests/unit/arbiter/test_ending \
	tests/unit/arbiter/test_oom \
	tests/unit/arbiter/test_pidfile \
	tests/unit/arbiter/test_road \
	tests/unit/arbiter/test_slots \
	tests/unit/arbiter/test_spawn \
	tests/unit/arbiter/test_stop
arbiter_harness = tests/unit/arbiter/harness.c tests/unit/arbiter/harness.h
tests_unit_arbiter_test_arbiter_SOURCES = tests/unit/arbiter/test_arbiter.c $(arbiter_harness)
tests_unit_arbiter_test_arbiter_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_ending_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_oom_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_pidfile_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_road_SOURCES = tests/unit/arbiter/test_road.c $(arbiter_harness)
tests_unit_arbiter_test_road_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_slots_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_arbiter_test_slots_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_spawn_SOURCES = tests/unit/arbiter/test_spawn.c $(arbiter_harness)
tests_unit_arbiter_test_spawn_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
tests_unit_arbiter_test_stop_SOURCES = tests/unit/arbiter/test_stop.c $(arbiter_harness)
tests_unit_arbiter_test_stop_LDADD = $(arbiter_libs) $(CMOCKA_LIBS)
endif
