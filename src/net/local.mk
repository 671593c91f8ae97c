noinst_LIBRARIES += libgt_net.a
libgt_net_a_SOURCES = \
	src/net/channel.c \
	src/net/listener.c \
	include/gthreadd/net/channel.h \
	include/gthreadd/net/listener.h
net_libs = libgt_net.a libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/net/test_channel \
	tests/unit/net/test_listener
TESTS += \
	tests/unit/net/test_channel \
	tests/unit/net/test_listener
tests_unit_net_test_channel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_net_test_channel_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_listener_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_net_test_listener_LDADD = $(net_libs) $(CMOCKA_LIBS)
endif
