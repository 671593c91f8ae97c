noinst_LIBRARIES += libgt_ctl.a
libgt_ctl_a_SOURCES = \
	src/ctl/metricsd.c \
	src/ctl/route.c \
	src/ctl/server.c \
	src/ctl/socket.c \
	src/ctl/ctl_priv.h \
	include/gthreadd/ctl/ctl.h \
	include/gthreadd/ctl/metricsd.h
libgt_ctl_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS)
# gthreadctl needs neither libevent nor the server's side.
noinst_LIBRARIES += libgt_ctlclient.a
libgt_ctlclient_a_SOURCES = \
	src/ctl/client.c \
	include/gthreadd/ctl/client.h
ctl_libs = libgt_ctl.a libgt_stats.a libgt_net.a libgt_base.a $(LIBEVENT_EXTRA_LIBS) $(LIBEVENT_LIBS)

# The page of the metrics is made from their table; tests/lint/docs.sh checks.
noinst_PROGRAMS += tools/metrics-doc
tools_metrics_doc_SOURCES = tools/metrics-doc.c
tools_metrics_doc_LDADD = libgt_stats.a libgt_base.a
dist_man_MANS += man/gthreadd-metrics.7
BUILT_DOCS += man/gthreadd-metrics.7
EXTRA_DIST += man/gthreadd-metrics.7.in
