noinst_LIBRARIES += libgt_net.a
libgt_net_a_SOURCES = \
	src/net/bind.c \
	src/net/channel.c \
	src/net/fdpass.c \
	src/net/fdpass_priv.h \
	src/net/forkmsg.c \
	src/net/inherit.c \
	src/net/listener.c \
	src/net/listener_priv.h \
	src/net/proxyproto.c \
	src/net/remote.c \
	src/net/remoteaddr.c \
	src/net/trust.c \
	include/gthreadd/net/channel.h \
	include/gthreadd/net/forkmsg.h \
	include/gthreadd/net/inherit.h \
	include/gthreadd/net/listener.h \
	include/gthreadd/net/proxyproto.h \
	include/gthreadd/net/remote.h \
	include/gthreadd/net/trust.h
net_libs = libgt_net.a libgt_config.a libgt_base.a $(INIH_LIBS)

if HAVE_CMOCKA
unit_tests += \
	tests/unit/net/test_bind \
	tests/unit/net/test_channel \
	tests/unit/net/test_forkmsg \
	tests/unit/net/test_inherit \
	tests/unit/net/test_listener \
	tests/unit/net/test_proxyproto \
	tests/unit/net/test_remote
tests_unit_net_test_bind_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_channel_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_forkmsg_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_inherit_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_listener_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_proxyproto_LDADD = $(net_libs) $(CMOCKA_LIBS)
tests_unit_net_test_remote_LDADD = $(net_libs) $(CMOCKA_LIBS)
endif

EXTRA_PROGRAMS += tests/fuzz/fuzz_proxy
fuzz_targets += tests/fuzz/fuzz_proxy
EXTRA_DIST += tests/fuzz/proxy.dict tests/fuzz/corpus/proxy
tests_fuzz_fuzz_proxy_LDADD = $(net_libs)
tests_fuzz_fuzz_proxy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
