# SPDX-License-Identifier: MIT
"""The catalogue of attacks on framing, and a reader of tests/http/corpus.

Each attack carries, where it can, a whole request for /evil: whoever reads
the octets in another way than the sender calls the app for it. Used by
test_smuggling.py and by tests/parity/smuggling.py.
"""
import re
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "http/corpus"
EVIL = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"


class Case:
    def __init__(self, group, name, octets, status=400, limits=None,
                 verdict="error", at="head", wants=None):
        self.group = group
        self.name = name
        self.octets = octets
        self.status = status    # 200: harmless, the app is called
        self.limits = limits or {}
        self.verdict = verdict  # error, ok, again
        self.at = at
        self.wants = wants or {}

    @property
    def id(self):
        return f"{self.group}-{self.name}"


# ---- the corpus ----

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def unescape(text):
    parts = re.split(r"\\(x[0-9a-fA-F]{2}|[rnt\\])", text)
    found = b""
    for i, part in enumerate(parts):
        if i % 2 == 0:
            found += part.encode("latin-1")
        elif part[0] == "x":
            found += bytes([int(part[1:], 16)])
        else:
            found += ESCAPES[part]
    return found


def parse_case(group, lines):
    octets, limits, wants, at, status = b"", {}, {}, "head", 200
    name = lines[0].split()[1]
    for line in lines[1:]:
        word, _, rest = line.partition(" ")
        if word == ">":
            octets += unescape(rest)
        elif word == "limits":
            limits = {k: int(v) for k, v in
                      (x.split("=") for x in rest.split())}
        else:
            verdict = word
            words = rest.split(" ") if rest else []
            if word == "error":
                status = int(words.pop(0))
            wants = {k: unescape(v) for k, v in
                     (x.split("=", 1) for x in words)}
            at = wants.pop("at", b"head").decode()
    return Case(group, name, octets, status, limits, verdict, at, wants)


def corpus():
    cases = []
    for path in sorted(CORPUS.glob("*.txt")):
        text = path.read_text("latin-1")
        for block in re.split(r"\n\s*\n", text):
            lines = [x for x in block.split("\n")
                     if x and not x.startswith("#")]
            if lines:
                cases.append(parse_case(path.stem, lines))
    return cases


# ---- the catalogue ----

def post(*fields, body=b"", version=b"1.1"):
    head = [b"POST / HTTP/" + version, b"Host: x", *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def get(*fields, line=b"GET / HTTP/1.1"):
    return b"\r\n".join([line, *fields]) + b"\r\n\r\n"


def length(n):
    return b"Content-Length: %d" % n


CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


def contradictions():
    """Two lengths: one reader sees /evil as body, another as a request."""
    smuggled = LAST + EVIL
    inner = b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL)
    return [
        ("CL.TE", post(length(len(smuggled)), CHUNKED, body=smuggled)),
        ("TE.CL", post(CHUNKED, length(4), body=inner)),
        ("CL.TE-short", post(length(5), CHUNKED, body=smuggled)),
        ("CL.0-TE", post(length(0), CHUNKED, body=inner)),
        ("CL.CL", post(length(len(EVIL)), length(0), body=EVIL)),
        ("CL.CL-reversed", post(length(0), length(len(EVIL)), body=EVIL)),
        ("CL-list", post(b"Content-Length: %d, 0" % len(EVIL), body=EVIL)),
        ("CL-list-equal", post(b"Content-Length: 0, 0", body=EVIL)),
        ("CL-empty-element", post(b"Content-Length: ,0", body=EVIL)),
        ("CL-fold", post(b"Content-Length:\r\n %d" % len(EVIL), body=EVIL)),
        ("CL-blank", post(b"Content-Length: %d 0" % len(EVIL), body=EVIL)),
        ("CL-plus", post(b"Content-Length: +%d" % len(EVIL), body=EVIL)),
        ("CL-minus", post(b"Content-Length: -1", body=EVIL)),
        ("CL-underscore", post(b"Content-Length: 3_1", body=EVIL)),
        ("CL-hex", post(b"Content-Length: 0x1f", body=EVIL)),
        ("CL-exponent", post(b"Content-Length: 3e1", body=EVIL)),
        ("CL-point", post(b"Content-Length: 31.0", body=EVIL)),
        ("CL-overflow-32", post(b"Content-Length: 99999999999999999999",
                                body=EVIL)),
        ("CL-overflow-64", post(b"Content-Length: 18446744073709551616",
                                body=EVIL)),
        ("CL-vt", post(b"Content-Length: \x0b31", body=EVIL)),
        ("CL-nbsp", post(b"Content-Length: \xa031", body=EVIL)),
        ("CL-nul", post(b"Content-Length: 31\x00", body=EVIL)),
        ("CL-space-colon", post(b"Content-Length : 31", body=EVIL)),
        ("CL-superscript", post(b"Content-Length: \xb9\xb9", body=EVIL)),
        ("CL-empty", post(b"Content-Length:", body=EVIL)),
        ("TE-in-1.0", post(CHUNKED, body=LAST + EVIL, version=b"1.0")),
        ("TE-CL-in-1.0", post(length(5), CHUNKED, body=LAST + EVIL,
                              version=b"1.0")),
    ]


# How it is written, and what it is when it stands alone: 400 (no coding can
# be told), 501 (another coding), 200 (chunked, or not the field at all).
OBFUSCATIONS = [
    ("space-colon", b"Transfer-Encoding : chunked", 400),
    ("tab-colon", b"Transfer-Encoding\t: chunked", 400),
    ("lf-colon", b"Transfer-Encoding\n : chunked", 400),
    ("fold", b"Transfer-Encoding:\r\n chunked", 400),
    ("fold-tab", b"Transfer-Encoding:\r\n\tchunked", 400),
    ("fold-middle", b"Transfer-Encoding: chun\r\n ked", 501),
    ("behind-fold", b"X: y\r\n Transfer-Encoding: chunked", 400),
    ("behind-lf", b"X: y\nTransfer-Encoding: chunked", 400),
    ("behind-cr", b"X: y\rTransfer-Encoding: chunked", 400),
    ("nul-name", b"Transfer-Encoding\x00: chunked", 400),
    ("vt-name", b"\x0bTransfer-Encoding: chunked", 400),
    ("nbsp-name", b"Transfer-Encoding\xa0: chunked", 400),
    ("space-name", b"Transfer Encoding: chunked", 400),
    ("colon-first", b":Transfer-Encoding: chunked", 400),
    ("nul", b"Transfer-Encoding: chunked\x00", 400),
    ("nul-first", b"Transfer-Encoding: \x00chunked", 400),
    ("vt", b"Transfer-Encoding: \x0bchunked", 400),
    ("vt-end", b"Transfer-Encoding: chunked\x0b", 400),
    ("ff", b"Transfer-Encoding: \x0cchunked", 400),
    ("nbsp", b"Transfer-Encoding: \xa0chunked", 400),
    ("nel", b"Transfer-Encoding: \x85chunked", 400),
    ("bom", b"Transfer-Encoding: \xef\xbb\xbfchunked", 400),
    ("kelvin", b"Transfer-Encoding: chun\xe2\x84\xaaed", 400),
    ("cr-end", b"Transfer-Encoding: chunked\r", 400),
    ("quoted", b"Transfer-Encoding: \"chunked\"", 400),
    ("apostrophes", b"Transfer-Encoding: 'chunked'", 501),
    ("parameter", b"Transfer-Encoding: chunked;q=1", 400),
    ("semicolon", b"Transfer-Encoding: chunked;", 400),
    ("comma-first", b"Transfer-Encoding: ,chunked", 400),
    ("comma-last", b"Transfer-Encoding: chunked,", 400),
    ("comma-alone", b"Transfer-Encoding: ,", 400),
    ("empty", b"Transfer-Encoding:", 400),
    ("blank-inside", b"Transfer-Encoding: chunked x", 400),
    ("twice", CHUNKED + b"\r\n" + CHUNKED, 400),
    ("twice-other", CHUNKED + b"\r\nTransfer-Encoding: x", 400),
    ("twice-other-first", b"Transfer-Encoding: x\r\n" + CHUNKED, 501),
    ("twice-identity", CHUNKED + b"\r\nTransfer-Encoding: identity", 400),
    ("list-twice", b"Transfer-Encoding: chunked, chunked", 400),
    ("list-not-last", b"Transfer-Encoding: chunked, identity", 400),
    ("list-gzip-last", b"Transfer-Encoding: chunked, gzip", 400),
    ("list-identity", b"Transfer-Encoding: identity, chunked", 501),
    ("list-gzip", b"Transfer-Encoding: gzip, chunked", 501),
    ("identity", b"Transfer-Encoding: identity", 501),
    ("cow", b"Transfer-Encoding: cow", 501),
    ("xchunked", b"Transfer-Encoding: xchunked", 501),
    ("chunkedx", b"Transfer-Encoding: chunkedx", 501),
    ("chunk", b"Transfer-Encoding: chunk", 501),
    ("percent", b"Transfer-Encoding: %63hunked", 501),
    ("upper-case", b"TRANSFER-ENCODING: CHUNKED", 200),
    ("tab", b"Transfer-Encoding:\tchunked", 200),
    ("no-space", b"Transfer-Encoding:chunked", 200),
    ("blanks-behind", b"Transfer-Encoding: chunked \t ", 200),
]

# Not Transfer-Encoding at all: Content-Length counts, /evil is body.
NO_CODING = [
    ("underscore", b"Transfer_Encoding: chunked"),
    ("percent-name", b"Transfer-%45ncoding: chunked"),
    ("x-name", b"X-Transfer-Encoding: chunked"),
    ("content-encoding", b"Content-Encoding: chunked"),
    ("te", b"TE: chunked"),
    ("quoted-name", b"'Transfer-Encoding': chunked"),
]


def codings():
    """TE.TE: with and without a Content-Length beside it."""
    cases = []
    for name, field, status in OBFUSCATIONS:
        cases.append((name, post(field, body=LAST), status))
        body = LAST + EVIL
        # A length beside any coding is refused; which of two faults is named
        # depends on which comes first.
        cases.append((name + "-CL", post(length(len(body)), field, body=body),
                      400))
        cases.append((name + "-before-CL",
                      post(field, length(len(body)), body=body),
                      501 if status == 501 else 400))
    for name, field in NO_CODING:
        cases.append((name, post(length(len(EVIL)), field, body=EVIL), 200))
    return cases


def chunked(body):
    return post(CHUNKED, body=body)


def chunks():
    n = len(EVIL)
    line = b"%x" % n
    tail = b"\r\n0\r\n\r\n"
    sizes = [
        ("plus", b"+" + line), ("minus", b"-" + line), ("0x", b"0x" + line),
        ("underscore", b"0_" + line), ("blank-first", b" " + line),
        ("blank-last", line + b" "), ("nul", line + b"\x00"),
        ("vt", b"\x0b" + line), ("fullwidth", b"\xef\xbc\x91"),
        ("overflow-64", b"1" + b"0" * 15 + line),
        ("overflow-32", b"1" + b"0" * 30 + line),
        ("minus-one", b"ffffffffffffffff"), ("int64", b"8000000000000000"),
        ("empty", b""), ("h", line + b"h"), ("quoted", b'"' + line + b'"'),
        ("comma", line + b",0"), ("long-zeros", b"0" * 300 + line),
        ("ext-empty", line + b";"), ("ext-nul", line + b";a=\x00"),
        ("ext-lf", line + b";a\nb"), ("ext-cr", line + b";a\rb"),
        ("ext-lf-chunk", line + b";\n0"),
        ("ext-long", line + b";a=" + b"x" * 300),
        ("ext-quoted-lf", line + b';a="\n"'),
        ("ext-open", line + b';a="b'),
    ]
    cases = [("size-" + name, chunked(size + b"\r\n" + EVIL + tail))
             for name, size in sizes]
    many = b"".join(b"1;a=%s\r\nx\r\n" % (b"y" * 240) for _ in range(80))
    return cases + [
        ("size-lf", chunked(line + b"\n" + EVIL + tail)),
        ("size-cr", chunked(line + b"\r" + EVIL + tail)),
        ("end-lf", chunked(line + b"\r\n" + EVIL + b"\n0\r\n\r\n")),
        ("end-missing", chunked(line + b"\r\n" + EVIL + b"0\r\n\r\n")),
        ("end-other", chunked(b"2\r\nab--0\r\n\r\n")),
        ("too-long", chunked(b"1\r\n" + EVIL + tail)),
        ("exts-many", chunked(many + LAST)),
        ("last-lf", chunked(b"0\n\n" + EVIL)),
        ("last-end-lf", chunked(b"0\r\n\n" + EVIL)),
        ("last-end-cr", chunked(b"0\r\n\r" + EVIL)),
        ("trailer-request", chunked(b"0\r\n" + EVIL)),
        ("trailer-CL", chunked(b"0\r\nContent-Length: 9\r\n\r\n" + EVIL)),
        ("trailer-TE", chunked(b"0\r\n" + CHUNKED + b"\r\n\r\n" + EVIL)),
        ("trailer-host", chunked(b"0\r\nHost: y\r\n\r\n" + EVIL)),
        ("trailer-lf", chunked(b"0\r\nX: y\n\r\n" + EVIL)),
        ("trailer-cr", chunked(b"0\r\nX: y\rz\r\n\r\n" + EVIL)),
        ("trailer-nul", chunked(b"0\r\nX: \x00\r\n\r\n" + EVIL)),
        ("trailer-fold", chunked(b"0\r\nX: y\r\n z\r\n\r\n" + EVIL)),
        ("trailer-space-colon", chunked(b"0\r\nX : y\r\n\r\n" + EVIL)),
        ("trailers-many", chunked(b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
         431),
        ("trailer-long", chunked(b"0\r\nX: " + b"y" * 8200 + b"\r\n\r\n"),
         431),
        ("trailers-large", chunked(
            b"0\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 9 + b"\r\n"), 431),
    ]


def lines_and_fields():
    host = b"Host: x"
    return [
        ("bare-lf-line", b"GET / HTTP/1.1\nHost: x\r\n\r\n"),
        ("bare-lf-all", b"GET / HTTP/1.1\nHost: x\n\n"),
        ("bare-lf-field", b"GET / HTTP/1.1\r\nHost: x\n\r\n"),
        ("bare-lf-end", b"GET / HTTP/1.1\r\nHost: x\r\n\n"),
        ("bare-cr-line", b"GET / HTTP/1.1\rHost: x\r\n\r\n"),
        ("bare-cr-field", get(host, b"A: b\rHost: y")),
        ("nul-target", get(host, line=b"GET /\x00 HTTP/1.1")),
        ("nul-name", get(host, b"A\x00: b")),
        ("nul-value", get(host, b"A: b\x00c")),
        ("obs-fold", get(host, b"A: b", b" c")),
        ("obs-fold-first", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
        ("obs-fold-host", get(b"Host:", b" x")),
        ("space-colon", get(host, b"A : b")),
        ("no-colon", get(host, b"A")),
        ("empty-name", get(host, b": b")),
        ("host-missing", get()),
        ("host-twice", get(host, host)),
        ("host-twice-cases", get(host, b"hOST: y")),
        ("host-list", get(b"Host: x, y")),
        ("host-space", get(b"Host: x y")),
        ("host-slash", get(b"Host: x/y")),
        ("host-userinfo", get(b"Host: a@x")),
        ("host-port", get(b"Host: x:port")),
        ("host-port-large", get(b"Host: x:99999")),
        ("host-bracket", get(b"Host: [::1")),
        ("host-nul", get(b"Host: x\x00y")),
        ("host-mismatch-absolute", get(
            b"Host: y", line=b"GET http://x/a HTTP/1.1"), 200),
        ("absolute-no-host", get(line=b"GET http://x/ HTTP/1.1")),
        ("absolute-userinfo", get(host, line=b"GET http://u@x/ HTTP/1.1")),
        ("absolute-ftp", get(host, line=b"GET ftp://x/ HTTP/1.1")),
        ("absolute-empty", get(host, line=b"GET http:/// HTTP/1.1")),
        ("authority-get", get(host, line=b"GET x:80 HTTP/1.1")),
        ("asterisk-get", get(host, line=b"GET * HTTP/1.1")),
        ("connect-path", get(host, line=b"CONNECT / HTTP/1.1")),
        ("relative", get(host, line=b"GET a HTTP/1.1")),
        ("fragment", get(host, line=b"GET /#a HTTP/1.1")),
        ("space-in-target", get(host, line=b"GET /a b HTTP/1.1")),
        ("space-behind", get(host, line=b"GET / HTTP/1.1 ")),
        ("tab-separators", get(host, line=b"GET\t/\tHTTP/1.1")),
        ("two-spaces", get(host, line=b"GET  / HTTP/1.1")),
        ("space-first", get(host, line=b" GET / HTTP/1.1")),
        ("lower-case", get(host, line=b"get / HTTP/1.1")),
        ("method-long", get(host, line=b"G" * 21 + b" / HTTP/1.1")),
        ("version-09", get(host, line=b"GET / HTTP/0.9"), 505),
        ("version-20", get(host, line=b"GET / HTTP/2.0"), 505),
        ("version-1.10", get(host, line=b"GET / HTTP/1.10")),
        ("version-lower", get(host, line=b"GET / http/1.1")),
        ("version-huge", get(host, line=b"GET / HTTP/1.99999999999")),
        ("http-0.9", b"GET /\r\n"),
        ("http-0.9-lf", b"GET /\n"),
        ("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
         b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505),
        ("tls-hello", b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03"
         + b"\x5a" * 190),
        ("sslv2-hello", b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00"),
        ("proxy-v1", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(host)),
        ("proxy-v2", b"\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x00" + get(host)),
        ("socks5", b"\x05\x01\x00"),
        ("expect-other", post(b"Expect: x", length(0)), 417),
        ("line-long", get(host, line=b"GET /" + b"a" * 4100 + b" HTTP/1.1"),
         414),
        ("field-long", get(host, b"A: " + b"b" * 8200), 431),
        ("fields-many", get(host, *[b"A: b"] * 100), 431),
        ("head-large", get(host, *[b"A: " + b"b" * 8000] * 9), 431),
    ]


def catalogue():
    groups = [("length", contradictions()), ("coding", codings()),
              ("chunk", chunks()), ("line", lines_and_fields())]
    return [Case(group, x[0], x[1], *x[2:]) for group, cases in groups
            for x in cases]
