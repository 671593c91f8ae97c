noinst_LIBRARIES += libgt_worker.a
libgt_worker_a_SOURCES = \
	src/worker/acceptor.c \
	src/worker/boot.c \
	src/worker/check.c \
	src/worker/conn.c \
	src/worker/evmem.c \
	src/worker/giveup.c \
	src/worker/forkserver.c \
	src/worker/inspect.c \
	src/worker/lastout.c \
	src/worker/lastout_priv.h \
	src/worker/leftovers.c \
	src/worker/logthread.c \
	src/worker/loop.c \
	src/worker/monitor.c \
	src/worker/obey.c \
	src/worker/overdue.c \
	src/worker/output.c \
	src/worker/pace.c \
	src/worker/pool.c \
	src/worker/pyconfig.c \
	src/worker/reader.c \
	src/worker/recycle.c \
	src/worker/requestid.c \
	src/worker/reloader.c \
	src/worker/queue.c \
	src/worker/sweep.c \
	src/worker/trust.c \
	src/worker/upload.c \
	src/worker/worker.c \
	src/worker/writer.c \
	src/worker/monitor_priv.h \
	src/worker/overdue_priv.h \
	src/worker/reloader_priv.h \
	src/worker/boot_priv.h \
	src/worker/conn_priv.h \
	src/worker/logthread_priv.h \
	src/worker/worker_priv.h \
	include/gthreadd/worker/worker.h
libgt_worker_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
worker_layers = libgt_worker.a libgt_wsgi.a libgt_python.a libgt_exchange.a libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a
worker_libs = $(worker_layers) $(LIBEVENT_LIBS) $(PYTHON_LIBS) $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/worker/test_acceptor \
	tests/unit/worker/test_giveup \
	tests/unit/worker/test_lastout \
	tests/unit/worker/test_logthread \
	tests/unit/worker/test_pace \
	tests/unit/worker/test_queue
tests_unit_worker_test_acceptor_LDADD = $(worker_libs) $(CMOCKA_LIBS)
tests_unit_worker_test_giveup_LDADD = $(worker_libs) $(CMOCKA_LIBS)
tests_unit_worker_test_lastout_LDADD = $(worker_libs) $(CMOCKA_LIBS)
tests_unit_worker_test_logthread_LDADD = $(worker_libs) $(CMOCKA_LIBS)
tests_unit_worker_test_pace_LDADD = $(worker_libs) $(CMOCKA_LIBS)
tests_unit_worker_test_queue_LDADD = $(worker_libs) $(CMOCKA_LIBS)
endif

# The loop and its connections with a stub in the place of Python.
EXTRA_PROGRAMS += tests/fuzz/fuzz_conn
fuzz_targets += tests/fuzz/fuzz_conn
tests_fuzz_fuzz_conn_SOURCES = tests/fuzz/fuzz_conn.c
tests_fuzz_fuzz_conn_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_fuzz_fuzz_conn_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer \
	-Wl,--wrap=gt_cond_wait
tests_fuzz_fuzz_conn_LDADD = libgt_worker.a libgt_exchange.a libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(LIBEVENT_LIBS) $(INIH_LIBS)
EXTRA_DIST += tests/fuzz/conn.dict tests/fuzz/corpus/conn
