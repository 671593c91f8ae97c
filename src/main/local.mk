bin_PROGRAMS += gthreadd
gthreadd_SOURCES = src/main/gthreadd.c
gthreadd_LDADD = libgt_arbiter.a $(ctl_libs) $(worker_layers) $(LIBEVENT_LIBS) $(GT_EXE_PYTHON_LIBS) $(INIH_LIBS)
# -no-pie, when it is there, must come behind -pie.
gthreadd_LDFLAGS = $(AM_LDFLAGS) $(GT_EXE_LDFLAGS)

bin_PROGRAMS += gthreadctl
gthreadctl_SOURCES = \
	src/main/ctltop.c \
	src/main/ctlview.c \
	src/main/gthreadctl.c \
	src/main/main_priv.h
gthreadctl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CURSES_CFLAGS)
gthreadctl_LDADD = libgt_ctlclient.a libgt_config.a libgt_base.a $(INIH_LIBS) $(JANSSON_LIBS) $(CURSES_LIBS)
dist_man_MANS += man/gthreadctl.8
