# SPDX-License-Identifier: MIT
"""Applications from Debian, unmodified, with the clients they are made for.

Flask and Django's own features have files of their own; here are whole
programs: Radicale with litmus, klaus with git, the admin of Django.
"""
import os
import re
import shutil
import subprocess

import pytest
import requests

from harness import APPS, PYTHON, free_port, scaled, wait_for
from rawclient import RawClient

LITMUS = shutil.which("litmus")


def needs(program, modules, works="True"):
    """Skip where the Debian packages of ./dev setup are not installed."""
    found = shutil.which(program) and subprocess.run(
        [PYTHON, "-c", f"import {modules}; assert {works}"],
        capture_output=True, check=False).returncode == 0
    return pytest.mark.skipif(
        not found, reason=f"{program} or {modules} is missing or broken")


def run(*command, env=None, cwd=None):
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True,
        env={**os.environ, **(env or {})}, cwd=cwd, check=False,
        timeout=scaled(60))
    assert result.returncode == 0, \
        (result.stdout + result.stderr).decode("utf-8", "replace")
    return result.stdout.decode("utf-8", "replace")


# ---- Radicale, by litmus ----

# Radicale's own server never answers Expect: litmus waits 30 s for that in
# "http", and fails. So only gthreadd is asked those.
SUITES = "basic copymove props locks"

RADICALE = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = none
[rights]
type = from_file
file = {dir}/rights
[storage]
filesystem_folder = {dir}/{data}
[logging]
level = error
"""
RIGHTS = "[all]\nuser = .*\ncollection = .*\npermissions = RrWw\n"


def litmus(url, directory, suites):
    """{suite: {test: verdict}} as litmus prints it."""
    out = subprocess.run(
        [LITMUS, "-k", url + "/", "user", "password"], cwd=directory,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env={**os.environ, "TESTS": suites}, check=False,
        timeout=scaled(120)).stdout.decode("latin-1")
    found = {}
    for suite, text in re.findall(
            r"-> running `(\w+)':(.*?)<- summary", out, re.S):
        found[suite] = {
            number + name: verdict for number, name, verdict in re.findall(
                r"(\d+\. )([\w-]+)\.* (pass|FAIL|SKIPPED|WARNING)", text)}
    return found


def radicale_config(directory, data, port=0):
    (directory / "rights").write_text(RIGHTS)
    path = directory / f"{data}.conf"
    path.write_text(RADICALE.format(dir=directory, data=data, port=port))
    return path


def under_its_own_server(directory):
    port = free_port()
    config = radicale_config(directory, "own", port)
    process = subprocess.Popen(
        [PYTHON, "-m", "radicale", "--config", str(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)

    def answers():
        assert process.poll() is None
        try:
            RawClient(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False
    try:
        wait_for("radicale to listen", answers, 30)
        return litmus(f"http://127.0.0.1:{port}", directory, SUITES)
    finally:
        process.terminate()
        process.wait(scaled(10))


@needs("litmus", "radicale")
def test_litmus_says_the_same_of_radicale_here_and_there(server, tmp_path):
    want = under_its_own_server(tmp_path)
    assert [len(want[s]) > 8 for s in SUITES.split()] == [True] * 4
    server.with_config(wsgi_app="radicale:application", threads=4)
    server.with_env(RADICALE_CONFIG=str(radicale_config(tmp_path, "ours")))
    server.start()
    assert litmus(server.url, tmp_path, SUITES) == want
    http = litmus(server.url, tmp_path, "http")["http"]
    assert "2. expect100" in http
    assert set(http.values()) == {"pass"}
    assert "[ERROR]" not in server.error_log()


# ---- klaus, by git ----

GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
       "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "A U Thor",
       "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A U Thor",
       "GIT_COMMITTER_EMAIL": "a@example.org"}


def git(*args, cwd):
    return run("git", *args, env=GIT, cwd=cwd).strip()


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "project"
    path.mkdir()
    git("init", "-q", "-b", "main", cwd=path)
    (path / "README").write_text("a project\n")
    (path / "blob").write_bytes(os.urandom(3 << 20))
    for i in range(20):
        (path / f"file{i}").write_text(f"{i}\n" * 100)
        git("add", "-A", cwd=path)
        git("commit", "-q", "-m", f"commit {i}", cwd=path)
    git("config", "receive.denyCurrentBranch", "ignore", cwd=path)
    return path


# Not with the klaus of Debian 13: it needs distutils and an older dulwich.
@needs("git", "klaus.contrib.app_args, klaus.repo, dulwich.repo",
       "issubclass(klaus.repo.FancyRepo, dulwich.repo.Repo)")
def test_git_clones_fetches_and_pushes_through_klaus(server, repository,
                                                     tmp_path):
    server.with_config(wsgi_app="klaus.contrib.wsgi:application", threads=4)
    server.with_env(KLAUS_REPOS=str(repository), KLAUS_SITE_NAME="site",
                    KLAUS_USE_SMARTHTTP="1", KLAUS_UNAUTHENTICATED_PUSH="1")
    server.start()
    url = server.url + "/project"
    page = requests.get(url + "/blob/main/README")
    assert page.status_code == 200 and "a project" in page.text
    clone = tmp_path / "clone"
    git("clone", "-q", url, str(clone), cwd=tmp_path)
    assert git("rev-parse", "HEAD", cwd=clone) == \
        git("rev-parse", "main", cwd=repository)
    assert (clone / "blob").read_bytes() == (repository / "blob").read_bytes()
    git("fsck", "--strict", cwd=clone)
    # Above http.postBuffer (1 MiB) git sends chunks; dulwich below klaus
    # would decode them again if it were told of them.
    (clone / "new").write_bytes(os.urandom(2 << 20))
    git("add", "new", cwd=clone)
    git("commit", "-q", "-m", "pushed", cwd=clone)
    git("push", "-q", "origin", "main", cwd=clone)
    assert git("rev-parse", "HEAD", cwd=clone) == \
        git("rev-parse", "main", cwd=repository)
    assert git("fetch", "-q", cwd=clone) == ""
    assert "[ERROR]" not in server.error_log()


# ---- the admin of Django, by a scripted client ----

PASSWORD = "correct horse"


def manage(database, *args):
    return run(PYTHON, "-m", "django", *args, cwd=APPS, env={
        "DJANGO_SETTINGS_MODULE": "djadmin.settings", "PYTHONPATH": str(APPS),
        "PYTHONDONTWRITEBYTECODE": "1", "DJADMIN_DATABASE": str(database),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD})


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db.sqlite3"
    manage(path, "migrate", "-v0")
    manage(path, "createsuperuser", "--noinput", "-v0", "--username", "root",
           "--email", "root@example.org")
    return path


def submit(session, url, **fields):
    """Fill in the form of a page as a browser would."""
    page = session.get(url)
    assert page.status_code == 200, page.text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    return session.post(url, headers={"Referer": url}, data={
        "csrfmiddlewaretoken": token[1], **fields})


@needs("sh", "django")
def test_django_admin_is_used_by_a_scripted_client(server, database):
    server.with_config(wsgi_app="djadmin.wsgi", workers=2, threads=2)
    server.with_env(DJADMIN_DATABASE=str(database)).start()
    admin = server.url + "/admin/"
    with requests.Session() as s:
        assert "/admin/login/" in s.get(admin).url
        r = submit(s, admin + "login/", username="root", password="wrong")
        assert "Please enter the correct username" in r.text
        r = submit(s, admin + "login/?next=/admin/", username="root",
                   password=PASSWORD)
        assert r.url == admin and "Site administration" in r.text
        for i in range(5):
            r = submit(s, admin + "auth/user/add/", username=f"user{i}",
                       password1="qX7!vLm2#9", password2="qX7!vLm2#9")
            assert "was added successfully" in r.text
        users = s.get(admin + "auth/user/?q=user").text
        assert all(f">user{i}</a>" in users for i in range(5))
        victim = re.search(r"/admin/auth/user/(\d+)/change/", users)[1]
        r = submit(s, admin + f"auth/user/{victim}/delete/", post="yes")
        assert "was deleted successfully" in r.text
        assert "5 users" in s.get(admin + "auth/user/").text
        assert s.get(admin + "logout/").status_code == 200
        assert "/admin/login/" in s.get(admin + "auth/user/").url
    assert "[ERROR]" not in server.error_log()
