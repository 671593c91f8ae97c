# SPDX-License-Identifier: MIT
"""What hooks are given, and how their callables are found.

This text is part of the program: hooks.c runs it in the module
gthreadd._hooks when a hook is set, and never otherwise. _log(level, text) and
_counts() are built-in functions of that module.
"""
import collections.abc
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import traceback

_files = {}


class Log:
    """The error log, with the methods of a logging.Logger."""

    def log(self, level, msg, *args, exc_info=None, **kw):
        text = str(msg)
        if args:
            one = args[0] if len(args) == 1 and \
                isinstance(args[0], collections.abc.Mapping) else args
            text %= one
        trace = ""
        if exc_info:
            if isinstance(exc_info, BaseException):
                exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
            elif not isinstance(exc_info, tuple):
                exc_info = sys.exc_info()
            trace = "".join(traceback.format_exception(*exc_info))
        _log(max(0, min(4, level // 10 - 1)), text, trace)

    def debug(self, msg, *args, **kw):
        self.log(10, msg, *args, **kw)

    def info(self, msg, *args, **kw):
        self.log(20, msg, *args, **kw)

    def warning(self, msg, *args, **kw):
        self.log(30, msg, *args, **kw)

    warn = warning

    def error(self, msg, *args, **kw):
        self.log(40, msg, *args, **kw)

    def critical(self, msg, *args, **kw):
        self.log(50, msg, *args, **kw)

    def exception(self, msg, *args, **kw):
        self.log(40, msg, *args, **{"exc_info": True, **kw})


class Config(collections.abc.Mapping):
    """The settings: cfg["graceful-timeout"], cfg.graceful_timeout."""

    __slots__ = ("_values", "_aliases")

    def __init__(self, values, aliases):
        values["name"] = values["name"] or values["wsgi-app"]
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_aliases", aliases)

    def __getitem__(self, name):
        name = name.replace("_", "-")
        return self._values[self._aliases.get(name, name)]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}") from None

    def __setattr__(self, name, value):
        raise AttributeError("settings cannot be changed here")


class _Object:
    """Facts are attributes; a hook may add others of its own."""

    def __init__(self, **facts):
        self.__dict__.update(facts)

    def __repr__(self):
        facts = " ".join(f"{n}={v!r}" for n, v in self.__dict__.items()
                         if n in ("pid", "age", "method", "uri", "status"))
        return f"<{type(self).__name__} {facts}>"


class Worker(_Object):
    """A worker process: pid, age, ppid, cfg, log, nr, alive, wsgi."""

    pid = ppid = wsgi = None
    booted = False
    own = False  # it is this process

    @property
    def nr(self):
        """Requests it has taken."""
        return _counts()[0] if self.own else 0

    @property
    def alive(self):
        return _counts()[1] if self.own else True

    def __str__(self):
        return f"<Worker {self.pid}>"


class Server(_Object):
    """The master: pid, cfg, log, WORKERS, num_workers, address."""

    WORKERS = {}
    num_workers = worker_age = 0


class Request(_Object):
    """A request before environ is made of it."""


class Response(_Object):
    """What was answered: status, status_code, headers, sent."""


log = Log()


def _file(path):
    path = os.path.abspath(path)
    if path not in _files:
        name = "gthreadd_hooks" + (f"_{len(_files)}" if _files else "")
        loader = importlib.machinery.SourceFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path,
                                                      loader=loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        _files[path] = module
    return _files[path]


def load(name, spec, args):
    """The callable, and how many of the arguments it takes."""
    place, _, path = spec.rpartition(":")
    if place.startswith("file:"):
        found = _file(place[5:])
    else:
        found = importlib.import_module(place)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{spec} is of type {type(found).__name__}, which "
                        "cannot be called")
    most = args.count(",") + 1
    counts = (4, 3, 2) if name == "post_request" else (most,)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return found, most
    for n in counts:
        try:
            signature.bind(*[None] * n)
        except TypeError:
            continue
        return found, n
    raise TypeError(f"{name} is called with ({args}), which {spec} does not "
                    "take")
