noinst_LIBRARIES += libgt_exchange.a
libgt_exchange_a_SOURCES = \
	src/exchange/exchange.c \
	src/exchange/inbox.c \
	src/exchange/mailbox.c \
	src/exchange/outbox.c \
	src/exchange/spool.c \
	include/gthreadd/exchange/exchange.h \
	include/gthreadd/exchange/inbox.h \
	include/gthreadd/exchange/mailbox.h \
	include/gthreadd/exchange/outbox.h \
	include/gthreadd/exchange/spool.h
exchange_libs = libgt_exchange.a libgt_stats.a libgt_http.a libgt_net.a libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/exchange/test_exchange \
	tests/unit/exchange/test_inbox \
	tests/unit/exchange/test_mailbox \
	tests/unit/exchange/test_outbox \
	tests/unit/exchange/test_spool
tests_unit_exchange_test_exchange_LDADD = $(exchange_libs) $(CMOCKA_LIBS)
tests_unit_exchange_test_inbox_LDADD = $(exchange_libs) $(CMOCKA_LIBS)
tests_unit_exchange_test_mailbox_LDADD = $(exchange_libs) $(CMOCKA_LIBS)
tests_unit_exchange_test_outbox_LDADD = $(exchange_libs) $(CMOCKA_LIBS)
tests_unit_exchange_test_spool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=open
tests_unit_exchange_test_spool_LDADD = $(exchange_libs) $(CMOCKA_LIBS)
endif
