# SPDX-License-Identifier: MIT
"""The benchmark itself: every scenario is answered rightly; no figures."""
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness import GTHREADD, PYTHON, SANITIZER, scaled

BENCH = Path(__file__).resolve().parents[2] / "bench"
needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None or bool(SANITIZER),
    reason="needs wrk, and a server that is not slowed down")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """What a quick look at all scenarios found, and its report page."""
    file = tmp_path_factory.mktemp("bench") / "result.json"
    done = subprocess.run(
        [PYTHON, str(BENCH / "bench.py"), "--quick", "--servers", "gthreadd",
         "--json", str(file)],
        env=dict(os.environ, GTHREADD=str(GTHREADD)), text=True,
        capture_output=True, timeout=scaled(120))
    assert done.returncode == 0, done.stdout + done.stderr
    page = Path(f"{file}.html").read_text()
    return json.loads(file.read_text()), page, done.stdout


@needs_wrk
def test_every_scenario_is_answered_rightly(quick):
    result, _, _ = quick
    sys.path.insert(0, str(BENCH))
    try:
        from entries import SCENARIOS
    finally:
        sys.path.pop(0)
    assert result["failures"] == []
    assert [r["errors"] for r in result["runs"] if r["errors"]] == []
    assert {r["scenario"] for r in result["runs"]} == \
        {s.name for s in SCENARIOS}
    loads = {s.name for s in SCENARIOS if s.kind == "load"}
    for run in result["runs"]:
        assert run["scenario"] not in loads or run["requests"] > 0


@needs_wrk
def test_the_report_page_is_whole_and_needs_nothing_else(quick):
    _, page, _ = quick
    root = ET.fromstring(page.partition("\n")[2])
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) > 20
    assert not re.search(r"""(src|href)=|url\(|@import""", page)


@needs_wrk
def test_the_tables_name_each_scenario(quick):
    result, _, tables = quick
    for run in result["runs"]:
        assert f"== {run['scenario']}, free:" in tables
