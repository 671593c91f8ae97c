# SPDX-License-Identifier: MIT
"""What conf/ has for an operating system, put below a directory of a test."""
import os
import re
import signal
import subprocess

from harness import APPS, GTHREADD, HERE, free_port
from harness import processes_of_session, scaled, session_of
from rawclient import RawClient
from server import Server

CONF = HERE.parents[1] / "conf"


class Root:
    """A directory with etc, run and var, and the servers started there."""

    def __init__(self, directory):
        self.dir = directory
        self.etc = directory / "etc"
        self.run = directory / "run/gthreadd"
        self.log = directory / "var/log/gthreadd"
        self.ports = {}
        for path in (self.etc / "gthreadd", self.etc / "default",
                     self.run.parent, self.log):
            path.mkdir(parents=True)
        self.daemon = GTHREADD
        self.script = self.rendered("gthreadd.init")
        self.script.chmod(0o755)

    def rendered(self, name, source=None, **more):
        """conf/NAME.in with the paths that `make` would put into it."""
        text = (CONF / f"{source or name}.in").read_text()
        paths = {"bindir": GTHREADD.parent, "sysconfdir": self.etc,
                 "runstatedir": self.run.parent,
                 "localstatedir": self.dir / "var", **more}
        for word, value in paths.items():
            text = text.replace(f"@{word}@", str(value))
        assert not re.search(r"@\w+@", text)
        path = self.dir / name
        path.write_text(text)
        return path

    # ---- instances ----

    def ini(self, name):
        return self.etc / "gthreadd.ini" if name == "gthreadd" \
            else self.etc / "gthreadd" / f"{name}.ini"

    def instance(self, name="gthreadd", **settings):
        """Write its INI file, as an administrator would."""
        self.ports.setdefault(name, free_port())
        values = {
            "wsgi-app": "wsgi_app:app", "pythonpath": APPS,
            "chdir": self.dir, "workers": 1, "name": name,
            "bind": f"127.0.0.1:{self.ports[name]}",
            "boot-timeout": int(scaled(60)),
            "error-logfile": self.log / f"{name}-error.log",
            "access-logfile": self.log / f"{name}-access.log",
            **{k.replace("_", "-"): v for k, v in settings.items()}}
        self.ini(name).write_text("[gthreadd]\n" + "".join(
            f"{k} = {v}\n" for k, v in values.items() if v is not None))
        return self

    def pid(self, name="gthreadd"):
        try:
            return int((self.run / f"{name}.pid").read_text())
        except FileNotFoundError:
            return None

    def get(self, target="/hello", name="gthreadd"):
        with RawClient(("127.0.0.1", self.ports[name])) as c:
            return c.get(target)

    def workers(self, name="gthreadd"):
        look = Server(self.dir / "look")
        return [w for w in look.board(self.pid(name)) if w["ready"] == 1]

    # ---- the script ----

    def init(self, *words, code=0, **environment):
        """Run the init script; what it said."""
        env = {"PATH": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1",
               **{k: v for k, v in Server(self.dir / "look").env().items()
                  if k.endswith("SAN_OPTIONS") or k == "PYTHONMALLOC"},
               **environment}
        r = subprocess.run([str(self.script), *words], env=env, text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=scaled(60),
                           check=False, cwd="/")
        assert r.returncode == code, r.stdout
        return r.stdout

    def end(self):
        """Kill what a failed test has left."""
        for path in [*self.run.glob("*.pid"), *self.run.glob("*.pid.2")]:
            pid = int(path.read_text() or 0)
            for p in processes_of_session(session_of(pid) or -1):
                if p != os.getpid():
                    os.kill(p, signal.SIGKILL)
