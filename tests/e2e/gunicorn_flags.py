# SPDX-License-Identifier: MIT
"""Every option of gunicorn's command line, releases 20.1 to 26.1.

SAME: option, value (None: a switch), the line of --print-config it makes.
IDLE: accepted without effect, one warning. REFUSED: an error, its reason.
"""
SAME = [
    ("-b", "127.0.0.1:1", "bind = 127.0.0.1:1"),
    ("--bind", "unix:/x", "bind = unix:/x"),
    ("--backlog", "64", "backlog = 64"),
    ("-w", "3", "workers = 3"),
    ("--workers", "3", "workers = 3"),
    ("-k", "sync", "worker-class = sync"),
    ("--worker-class", "gthread", "worker-class = gthread"),
    ("--threads", "7", "threads = 7"),
    ("--worker-connections", "50", "worker-connections = 50"),
    ("--max-requests", "5", "max-requests = 5"),
    ("--max-requests-jitter", "6", "max-requests-jitter = 6"),
    ("-t", "9", "timeout = 9s"),
    ("--timeout", "9", "timeout = 9s"),
    ("--graceful-timeout", "8", "graceful-timeout = 8s"),
    ("--keep-alive", "2", "keep-alive = 2s"),
    ("--limit-request-line", "100", "limit-request-line = 100"),
    ("--limit-request-fields", "20", "limit-request-fields = 20"),
    ("--limit-request-field_size", "200", "limit-request-field-size = 200"),
    ("--no-sendfile", None, "sendfile = false"),
    ("--chdir", "/tmp", "chdir = /tmp"),
    ("-D", None, "daemon = true"),
    ("--daemon", None, "daemon = true"),
    ("-R", None, "enable-stdio-inheritance = true"),
    ("--enable-stdio-inheritance", None, "enable-stdio-inheritance = true"),
    ("--reuse-port", None, "reuse-port = true"),
    ("-e", "A=secret", "env = A=***"),
    ("--env", "A=secret", "env = A=***"),
    ("-p", "/run/x.pid", "pid = /run/x.pid"),
    ("--pid", "/run/x.pid", "pid = /run/x.pid"),
    ("-u", "nobody", "user = nobody"),
    ("--user", "nobody", "user = nobody"),
    ("-g", "nogroup", "group = nogroup"),
    ("--group", "nogroup", "group = nogroup"),
    ("-m", "007", "umask = 07"),
    ("--umask", "0o27", "umask = 027"),
    ("--forwarded-allow-ips", "10.0.0.0/8",
     "forwarded-allow-ips = 10.0.0.0/8"),
    ("--forwarder-headers", "X_A", "forwarder-headers = X_A"),
    ("--header-map", "refuse", "header-map = refuse"),
    ("--permit-obsolete-folding", None, "permit-obsolete-folding = true"),
    ("--permit-unconventional-http-method", None,
     "permit-unconventional-http-method = true"),
    ("--proxy-protocol", None, "proxy-protocol = auto"),
    ("--proxy-allow-from", "10.0.0.1", "proxy-allow-from = 10.0.0.1"),
    ("--access-logfile", "-", "access-logfile = -"),
    ("--access-logformat", "%(h)s", "access-logformat = %(h)s"),
    ("--error-logfile", "/x.log", "error-logfile = /x.log"),
    ("--log-file", "/x.log", "error-logfile = /x.log"),
    ("--log-level", "debug", "log-level = debug"),
    ("-n", "shop", "name = shop"),
    ("--name", "shop", "name = shop"),
    ("--pythonpath", "/a,/b", "pythonpath = /b"),
    ("--reuse-port", None, "reuse-port = true"),
    ("-R", None, "enable-stdio-inheritance = true"),
    ("--enable-stdio-inheritance", None, "enable-stdio-inheritance = true"),
    ("--capture-output", None, "capture-output = true"),
    ("--preload", None, "preload = true"),
    ("--disable-redirect-access-to-syslog", None,
     "disable-redirect-access-to-syslog = true"),
    ("--log-syslog", None, "log-syslog = true"),
    ("--log-syslog-to", "udp://localhost:5514",
     "log-syslog-to = udp://localhost:5514"),
    ("--log-syslog-prefix", "shop", "log-syslog-prefix = shop"),
    ("--log-syslog-facility", "daemon", "log-syslog-facility = daemon"),
    ("--statsd-host", "localhost:8125", "statsd-host = localhost:8125"),
    ("--statsd-prefix", "shop", "statsd-prefix = shop"),
    ("--dogstatsd-tags", "k:secret", "dogstatsd-tags = ***"),
    ("--enable-backlog-metric", None, "enable-backlog-metric = true"),
    ("--control-socket", "/x.ctl", "control-socket = /x.ctl"),
    ("--control-socket-mode", "0660", "control-socket-mode = 0660"),
    ("--reload", None, "reload = true"),
    ("--reload-engine", "poll", "reload-engine = poll"),
    ("--reload-extra-file", "/x.html", "reload-extra-file = /x.html"),
    ("--spew", None, "spew = true"),
    ("--paste", "/x.ini#main", "paste = /x.ini#main"),
    ("--paster", "/x.ini#main", "paste = /x.ini#main"),
    ("--paste-global", "K=v", "paste-global = K=***"),
    # these ask for what holds anyway
    ("--initgroups", None, "workers = 1"),
    ("--no-control-socket", None, "workers = 1"),
    ("--protocol", "http", "workers = 1"),
    ("--http-protocols", "h1", "workers = 1"),
    ("--cert-reqs", "0", "workers = 1"),
    ("--suppress-ragged-eofs", None, "workers = 1"),
]
IDLE = [
    ("--worker-tmp-dir", "/dev/shm"),
    ("--logger-class", "gunicorn.glogging.Logger"),
    ("--log-config", "logging.conf"),
    ("--log-config-json", "logging.json"),
    ("--strip-header-spaces", None),
    ("--permit-unconventional-http-version", None),
    ("--casefold-http-method", None),
    ("--tolerate-dangerous-framing", None),
    ("--do-handshake-on-connect", None),
    ("--ssl-version", "2"),
    ("--http-parser", "fast"),
    ("--root-path", "/api"),
    ("--asgi-loop", "uvloop"),
    ("--asgi-lifespan", "off"),
    ("--uwsgi-allow-from", "127.0.0.1"),
    ("--dirty-app", "m:f"),
    ("--dirty-workers", "2"),
    ("--dirty-threads", "2"),
    ("--dirty-timeout", "2"),
    ("--dirty-graceful-timeout", "2"),
]
REFUSED = [
    ("--protocol", "uwsgi", "only http is spoken"),
    ("--certfile", "x.pem", "does not have TLS"),
    ("--keyfile", "x.pem", "does not have TLS"),
    ("--ca-certs", "x.pem", "does not have TLS"),
    ("--cert-reqs", "2", "does not have TLS"),
    ("--ciphers", "HIGH", "does not have TLS"),
    ("--http-protocols", "h2,h1", "does not have HTTP/2"),
    ("--http2-max-concurrent-streams", "10", "does not have HTTP/2"),
    ("--http2-initial-window-size", "10", "does not have HTTP/2"),
    ("--http2-max-frame-size", "10", "does not have HTTP/2"),
    ("--http2-max-header-list-size", "10", "does not have HTTP/2"),
]
# Every name of a setting, this server's own and gunicorn's in its files.
SETTINGS = """
access-log-exclude access-log-format access-log-json access-logfile
access-logformat accesslog asgi-disconnect-grace-period asgi-lifespan
asgi-loop backlog bind body-buffer body-spool body-timeout boot-timeout
ca-certs capture-output casefold-http-method cert-reqs certfile chdir ciphers
control-socket control-socket-disable control-socket-mode daemon dirty-app
dirty-apps dirty-graceful-timeout dirty-threads dirty-timeout dirty-workers
disable-redirect-access-to-syslog do-handshake-on-connect dogstatsd-tags
enable-backlog-metric enable-stdio-inheritance env error-logfile errorlog
forwarded-allow-ips forwarder-headers graceful-timeout group header-map
header-timeout hook-timeout http-parser http-protocols http2-cleartext
http2-initial-window-size http2-max-concurrent-streams
http2-max-frame-size http2-max-header-list-size initgroups interrupt-timeout
keep-alive keepalive keyfile limit-request-field-size limit-request-fields
limit-request-head limit-request-line log-config log-config-dict
log-config-json log-file log-level log-syslog log-syslog-facility
log-syslog-prefix log-syslog-to logconfig logconfig-dict logconfig-json
logger-class loglevel max-body-size max-lifetime max-lifetime-jitter
max-requests max-requests-jitter max-rss max-rss-hard metrics-bind
min-tls-version name no-control-socket paste paste-global
permit-obsolete-folding permit-unconventional-http-method
permit-unconventional-http-version pid pidfile preload preload-app
proc-name protocol
proxy-allow-from proxy-allow-ips proxy-protocol pythonpath queue-size
queue-timeout raw-env raw-paste-global-conf reload reload-engine
reload-extra-file reload-extra-files reload-surge remote-addr-header
request-id-header request-timeout response-buffer reuse-port root-path
saturation-warning secure-scheme-headers sendfile server-header
slow-request-log socket-mode spew ssl-version statsd-host statsd-names
statsd-prefix stop-delay strip-header-spaces suppress-ragged-eofs
switch-interval syslog syslog-addr syslog-facility syslog-prefix threads
timeout tmp-upload-dir umask user uwsgi-allow-from uwsgi-allow-ips virtualenv
worker-class worker-connections worker-tmp-dir workers write-timeout wsgi-app
""".split()
