sbin_PROGRAMS += gthreadd
gthreadd_SOURCES = src/main/gthreadd.c
gthreadd_LDADD = libgt_arbiter.a $(ctl_libs) $(worker_libs)
