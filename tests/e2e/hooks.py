# SPDX-License-Identifier: MIT
"""A server with [hooks], and what they said."""
import json
import re


def with_hooks(server, *names, **others):
    """Hooks of hook_app by their own names, or name="module:function"."""
    hooks = {name: f"hook_app:{name}" for name in names} | others
    server.sections["hooks"] = hooks
    return server.with_config(wsgi_app="hook_app:app")


def hook_lines(server, name="\\w+"):
    return re.findall(rf"hook ({name}) (.*)", server.error_log())


def facts_of(server, name):
    found = server.log_contains(rf"hook {name} (\{{.*\}})$")
    return json.loads(found[1])
