# SPDX-License-Identifier: MIT
"""An nginx of the test's own, in front of the server."""
import shutil
import signal
import subprocess

from harness import HERE, free_port, scaled, wait_for
from rawclient import RawClient

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")

CONF = """
daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
{site}
}}
"""

SAMPLE = (HERE.parents[1] / "conf/nginx.conf").read_text()


def changed(text, *pairs):
    """text with each first string replaced; all must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def sample(port, upstream):
    """conf/nginx.conf at other addresses. Its /stream/ is /unbuffered/ here,
    which the application does not see.
    """
    return changed(
        SAMPLE, ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("unix:/run/gthreadd/shop.sock", upstream),
        ("location /stream/ {", "location /unbuffered/ {"),
        ("proxy_buffering off;\n\t\tproxy_pass http://shop;",
         "proxy_buffering off;\n\t\tproxy_pass http://shop/;"))


class Nginx:
    """An nginx in front of upstream, as conf/nginx.conf says.

    site: what its http block says instead.
    """

    def __init__(self, directory, upstream, site=None):
        self.dir = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        conf = directory / "nginx.conf"
        text = sample(self.port, upstream) if site is None \
            else site.format(port=self.port, upstream=upstream)
        conf.write_text(CONF.format(dir=directory, site=text))
        self.process = subprocess.Popen(
            [NGINX, "-p", str(directory), "-c", str(conf),
             "-e", str(directory / "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_for("nginx to listen", self.answers)

    def answers(self):
        assert self.process.poll() is None, self.errors()
        try:
            RawClient(("127.0.0.1", self.port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def errors(self):
        return (self.dir / "error.log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(scaled(10))
