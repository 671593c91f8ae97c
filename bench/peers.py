# SPDX-License-Identifier: MIT
"""Which servers are measured. Each is one entry."""
import os
import shutil
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from entries import APPS, APPS_DIR

# Debian's programs first: another Python's gunicorn is another measurement.
SEARCH = "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin"
BASELINE = "gthreadd"


@dataclass(frozen=True)
class Server:
    """
    Start with args. In args, files and env {port} {threads} {workers}
    {target} {module} {callable} {apps} {tmp} are filled in.
    """
    name: str
    program: str    # looked for in SEARCH, or a path
    args: tuple
    note: str = ""
    skip: str = ""      # why it cannot be run here
    apps: frozenset = frozenset(APPS)
    needs: tuple = ()   # files, any one of each glob
    files: tuple = ()   # (name in {tmp}, text) to write before
    env: tuple = ()     # (name, value)
    package: str = ""   # Python's, when program is only its interpreter
    most_workers: int = 99
    preload: tuple = None   # arguments that load the app before forking

    def values(self, scenario, port, tmp):
        module, _, name = APPS[scenario.app].target.partition(":")
        return {"port": port, "threads": scenario.threads, "tmp": tmp,
                "workers": scenario.workers, "apps": APPS_DIR,
                "target": f"{module}:{name}", "module": module,
                "callable": name}

    def command(self, scenario, port, tmp):
        """Write the files; the command line."""
        values = self.values(scenario, port, tmp)
        for name, text in self.files:
            Path(tmp, name).write_text(text.format(**values))
        args = (self.preload if scenario.preload else ()) + self.args
        return [self.program] + [a.format(**values) for a in args]

    def environment(self, scenario, port, tmp):
        values = self.values(scenario, port, tmp)
        return {name: value.format(**values) for name, value in self.env}

    def can_run(self, scenario):
        return not self.skip and scenario.app in self.apps and \
            scenario.workers <= self.most_workers and \
            not (scenario.preload and self.preload is None) and \
            not (scenario.kind != "load" and self.name == "reference")


GTHREADD_ARGS = ("-w", "{workers}", "--threads", "{threads}", "--chdir",
                 "{apps}", "-b", "127.0.0.1:{port}", "--log-level", "warning")
TARGET = ("{target}",)
UWSGI_ARGS = ("--plugin", "python3", "--master", "--die-on-term", "--need-app",
              "--processes", "{{workers}}", "--disable-logging",
              "--listen", "{backlog}", "--buffer-size", "8192",
              # It closes, but does not say so: wrk would count an error each.
              "--add-header", "Connection: close",
              "--chdir", "{{apps}}", "--http-socket", "127.0.0.1:{{port}}",
              "--module", "{{target}}")
UWSGI_NOTE = "--http-socket closes the connection after each answer"
HTTPD_CONF = """\
ServerRoot {tmp}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {tmp}/httpd.pid
DefaultRuntimeDir {tmp}
ErrorLog {tmp}/error.log
LogLevel error
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ListenBacklog 1024
ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
WSGISocketPrefix {tmp}/wsgi
WSGIDaemonProcess app processes={workers} threads={threads} python-path={apps}
WSGIScriptAlias / {tmp}/app.wsgi process-group=app application-group=%{{GLOBAL}}
<Directory {tmp}>
Require all granted
</Directory>
"""


def somaxconn():
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:
        return 100


def uwsgi(name, threads):
    # With its usual 100 the listen queue would overflow, and a lost SYN
    # costs a second.
    backlog = min(1024, somaxconn())
    args = tuple(a.format(backlog=backlog) for a in UWSGI_ARGS)
    return Server(name, "uwsgi", args + threads + ("--lazy-apps",),
                  UWSGI_NOTE, preload=(),
                  needs=("/usr/lib/uwsgi/plugins/python3*_plugin.so",))


def gunicorn(name, worker_class, note):
    return Server(name, "gunicorn",
                  ("-k", worker_class, "-w", "{workers}", "--threads",
                   "{threads}", "--chdir", "{apps}", "-b",
                   "127.0.0.1:{port}", "--log-level", "warning") + TARGET,
                  note, preload=("--preload",))


def python_servers():
    """Those that are a Python package alone, in one process."""
    env = (("PYTHONPATH", "{apps}"),)
    return [
        Server("waitress", "python3",
               ("-m", "waitress", "--listen", "127.0.0.1:{port}", "--threads",
                "{threads}", "--connection-limit", "2000",
                "--asyncore-use-poll", "--backlog", "1024") + TARGET,
               env=env, package="waitress", most_workers=1),
        Server("cheroot", "python3",
               ("-m", "cheroot", "--bind", "127.0.0.1:{port}", "--threads",
                "{threads}", "--request-queue-size", "1024",
                "--chdir", "{apps}") + TARGET,
               env=env, package="cheroot", most_workers=1),
    ]


def mod_wsgi():
    return Server(
        "mod_wsgi", "apache2", ("-f", "{tmp}/httpd.conf", "-DFOREGROUND"),
        "daemon mode behind Apache's event MPM",
        needs=("/usr/lib/apache2/modules/mod_wsgi.so",),
        files=(("httpd.conf", HTTPD_CONF),
               ("app.wsgi",
                "from {module} import {callable} as application\n")))


def servers(gthreadd, also, tmp):
    """All entries. also: (name, path) of other builds of gthreadd."""
    found = [
        Server(BASELINE, str(gthreadd), GTHREADD_ARGS + TARGET,
               preload=("--preload",)),
        Server("gthreadd-log", str(gthreadd),
               GTHREADD_ARGS + ("--access-logfile", "{tmp}/access.log")
               + TARGET, "with an access log"),
    ]
    found += [Server(name, path, GTHREADD_ARGS + TARGET, path)
              for name, path in also]
    found += [
        uwsgi("uwsgi-4", ("--enable-threads", "--threads", "{threads}")),
        uwsgi("uwsgi-1", ("--enable-threads",)),
        gunicorn("gunicorn", "gthread", "gthread worker class"),
        gunicorn("gunicorn-sync", "sync", "sync worker class: one request "
                 "at a time, and closes after each answer"),
        mod_wsgi(),
    ]
    # gunicorn makes gthread of sync when it is told of threads.
    sync = found[-2]
    found[-2] = replace(sync, args=tuple(
        "1" if a == "{threads}" else a for a in sync.args))
    return found + python_servers() + [
        Server("reference", f"{tmp}/reference", ("{port}",),
               "a fixed answer from a bare epoll loop in C: the limit",
               apps=frozenset(["hello"]), most_workers=1),
    ]


def resolve(server):
    """The entry with its program's path, or with the reason to skip it."""
    path = shutil.which(server.program, path=SEARCH)
    missing = [g for g in server.needs
               if not list(Path("/").glob(g.lstrip("/")))]
    if path is None:
        return replace(server, skip=f"{server.program} is not installed")
    if missing:
        return replace(server, skip=f"{missing[0]} is missing")
    if server.package and not package_version(server.package):
        return replace(server, skip=f"python3-{server.package} is missing")
    return replace(server, program=os.path.abspath(path))


def package_version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
