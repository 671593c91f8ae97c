# What an operating system's package puts into its places; `make` fills in the
# paths of this build, `make install` leaves it beside the documentation.
confs = conf/gthreadd.init conf/gthreadd.logrotate conf/gthreadd.service \
	conf/gthreadd@.service conf/gthreadd.socket conf/gthreadd.tmpfiles
confdir = $(docdir)/examples
nodist_conf_DATA = $(confs)
dist_conf_DATA = conf/gthreadd.default conf/gthreadd.sysusers conf/nginx.conf \
	conf/haproxy.cfg
CLEANFILES += $(confs)
EXTRA_DIST += conf/gthreadd.init.in conf/gthreadd.logrotate.in \
	conf/gthreadd.service.in conf/gthreadd.socket.in \
	conf/gthreadd.tmpfiles.in

fill_in = mkdir -p conf && sed -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g'
# The unit of gthreadd.ini, and that of gthreadd/NAME.ini.
fill_main = -e 's| @what[@]||' -e 's|@pid[@]|gthreadd|' \
	-e 's|@ini[@]|$(sysconfdir)/gthreadd.ini|g'
fill_each = -e 's|@what[@]|%i|' -e 's|@pid[@]|%i|' \
	-e 's|@ini[@]|$(sysconfdir)/gthreadd/%i.ini|g'

conf/gthreadd.init: conf/gthreadd.init.in Makefile
	$(AM_V_GEN)$(fill_in) '$(srcdir)/conf/gthreadd.init.in' >$@ && chmod +x $@
conf/gthreadd.logrotate: conf/gthreadd.logrotate.in Makefile
	$(AM_V_GEN)$(fill_in) '$(srcdir)/$@.in' >$@
conf/gthreadd.socket: conf/gthreadd.socket.in Makefile
	$(AM_V_GEN)$(fill_in) '$(srcdir)/$@.in' >$@
conf/gthreadd.tmpfiles: conf/gthreadd.tmpfiles.in Makefile
	$(AM_V_GEN)$(fill_in) '$(srcdir)/$@.in' >$@
conf/gthreadd.service: conf/gthreadd.service.in Makefile
	$(AM_V_GEN)$(fill_in) $(fill_main) '$(srcdir)/$@.in' >$@
conf/gthreadd@.service: conf/gthreadd.service.in Makefile
	$(AM_V_GEN)$(fill_in) $(fill_each) '$(srcdir)/conf/gthreadd.service.in' >$@

# Debian's package: dpkg-buildpackage -us -uc -b
EXTRA_DIST += debian/changelog debian/clean debian/control debian/copyright \
	debian/gthreadd.README.Debian debian/gthreadd.docs debian/gthreadd.examples \
	debian/gthreadd.ini debian/gthreadd.install debian/gthreadd.postinst \
	debian/gthreadd.postrm debian/gthreadd.prerm debian/instances.README \
	debian/rules debian/source/format debian/tests/control debian/tests/service
