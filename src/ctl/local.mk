noinst_LIBRARIES += libgt_ctl.a
libgt_ctl_a_SOURCES = \
	src/ctl/route.c \
	src/ctl/server.c \
	src/ctl/socket.c \
	src/ctl/ctl_priv.h \
	include/gthreadd/ctl/ctl.h
libgt_ctl_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS)
ctl_libs = libgt_ctl.a libgt_stats.a libgt_base.a $(LIBEVENT_EXTRA_LIBS) $(LIBEVENT_LIBS)
