sbin_PROGRAMS += gthreadd
gthreadd_SOURCES = src/main/gthreadd.c
gthreadd_LDADD = libgt_arbiter.a $(ctl_libs) $(worker_layers) $(LIBEVENT_LIBS) $(GT_EXE_PYTHON_LIBS) $(INIH_LIBS)
# -no-pie, when it is there, must come behind -pie.
gthreadd_LDFLAGS = $(AM_LDFLAGS) $(GT_EXE_LDFLAGS)
