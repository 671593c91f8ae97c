noinst_LIBRARIES += libgt_ctl.a
libgt_ctl_a_SOURCES = \
	src/ctl/metricsd.c \
	src/ctl/route.c \
	src/ctl/server.c \
	src/ctl/socket.c \
	src/ctl/ctl_priv.h \
	include/gthreadd/ctl/ctl.h \
	include/gthreadd/ctl/metricsd.h
# The page for browsers is a part of the program.
nodist_libgt_ctl_a_SOURCES = src/ctl/page.c
src/ctl/page.c: $(srcdir)/src/ctl/page.html $(srcdir)/tools/embed-page.py
	@$(MKDIR_P) src/ctl
	$(AM_V_GEN)$(GT_PYTHON) $(srcdir)/tools/embed-page.py $(srcdir)/src/ctl/page.html >$@.tmp && mv $@.tmp $@
CLEANFILES += src/ctl/page.c
EXTRA_DIST += src/ctl/page.html tools/embed-page.py
libgt_ctl_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src/ctl $(LIBEVENT_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS)
# gthreadctl needs neither libevent nor the server's side.
noinst_LIBRARIES += libgt_ctlclient.a
libgt_ctlclient_a_SOURCES = \
	src/ctl/client.c \
	include/gthreadd/ctl/client.h
ctl_libs = libgt_ctl.a libgt_stats.a libgt_net.a libgt_base.a $(LIBEVENT_EXTRA_LIBS) $(LIBEVENT_LIBS)

if HAVE_CMOCKA
unit_tests += tests/unit/ctl/test_route
tests_unit_ctl_test_route_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_ctl_test_route_LDADD = $(ctl_libs) libgt_config.a libgt_base.a $(CMOCKA_LIBS)
endif

# The page of the metrics is made from their table; tests/lint/docs.sh checks.
noinst_PROGRAMS += tools/metrics-doc
tools_metrics_doc_SOURCES = tools/metrics-doc.c
tools_metrics_doc_LDADD = libgt_stats.a libgt_base.a
dist_man_MANS += man/gthreadd-metrics.7
BUILT_DOCS += man/gthreadd-metrics.7
EXTRA_DIST += man/gthreadd-metrics.7.in
