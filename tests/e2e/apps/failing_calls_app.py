# SPDX-License-Identifier: MIT
"""System calls that fail: FAIL_CALLS names them and what they come to,
"sendfile=22 pread=5". For the thread that imports this, a worker's loop or
a forkserver, and what it starts from then on."""
import ctypes
import os
import platform
import struct

import wsgi_app

CALLS = {"x86_64": {"sendfile": 40, "pread": 17, "clone": 56},
         "aarch64": {"sendfile": 71, "pread": 67, "clone": 220}
         }[platform.machine()]
# Of linux/filter.h, linux/seccomp.h and linux/prctl.h.
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2


def fail(numbers):
    code = [struct.pack("HBBI", LOAD, 0, 0, 0)]
    for call, number in numbers.items():
        code.append(struct.pack("HBBI", JUMP_EQUAL, 0, 1, CALLS[call]))
        code.append(struct.pack("HBBI", RETURN, 0, 0, ERRNO | number))
    code.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    octets = ctypes.create_string_buffer(b"".join(code))
    program = struct.pack("HP", len(code), ctypes.addressof(octets))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 \
            or prctl(PR_SET_SECCOMP, FILTER, program) != 0:
        raise OSError(ctypes.get_errno(), "no filter of system calls")


fail({call: int(number) for call, number in (
    x.split("=") for x in os.environ["FAIL_CALLS"].split())})
app = wsgi_app.app
