# SPDX-License-Identifier: MIT
"""The report page: one HTML file with its plots in it."""
from xml.sax.saxutils import escape

import report
import svg

STYLE = """body{font-family:sans-serif;max-width:60em;margin:2em auto}
table{border-collapse:collapse;font-size:13px;margin:.5em 0 2em}
td,th{padding:2px 9px;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
h2{margin-top:2em}.note{color:#666;font-size:13px}"""

# kind of scenario: (figure, title, format) of its plots
PLOTS = {
    "load": (("cpu_us", "CPU ms per 1,000 requests", "{:.1f}"),
             ("p99_us", "p99 of the latency, microseconds", "{:.0f}")),
    "start": (("start_ms", "ms to the first answer", "{:.0f}"),),
    "memory": (("pss_mib", "PSS, MiB", "{:.1f}"),),
}


def plot(rows, figure, title, form):
    found = []
    for row in rows:
        label = form.format(row[figure])
        times = row.get(figure + "_ratio")
        if times is not None:
            label += f"  ({times:.2f} x)"
        found.append((row["server"], row[figure], label))
    return svg.bars(title, found)


def table(rows, kind):
    columns = report.COLUMNS[kind]
    head = "".join(f"<th>{escape(t)}</th>" for t, _, _ in columns)
    lines = [f"<table><tr>{head}<th></th></tr>"]
    for row in rows:
        cells = "".join(f"<td>{escape(make(row))}</td>"
                        for _, _, make in columns)
        lines.append(f"<tr>{cells}<td>{escape(report.marks(row))}</td></tr>")
    return "\n".join(lines + ["</table>"])


def syscall_lines(result, scenario, placement):
    found = {r["server"]: r for r in result["syscalls"]
             if (r["scenario"], r["placement"]) == (scenario.name, placement)}
    if not found:
        return ""
    return f"<pre>{escape(report.syscall_table('system calls', found))}</pre>"


def section(result, scenario, placement):
    rows = [r for r in result["summary"]
            if (r["scenario"], r["placement"]) == (scenario.name, placement)]
    if not rows:
        return ""
    plots = "\n".join(plot(rows, *p) for p in PLOTS[scenario.kind])
    return (f"<h2>{escape(scenario.name)}, {placement}</h2>\n"
            f"<p>{escape(scenario.text)}</p>\n{plots}\n"
            f"{table(rows, scenario.kind)}\n"
            f"{syscall_lines(result, scenario, placement)}")


def machine(result):
    m = result["machine"]
    known = [f"{m['time']}; Linux {m['kernel']}; {m['cpus']} CPUs; "
             f"{m['python']}"]
    known += [f"{name}: {text}" for name, text in m["versions"].items()
              if text]
    return "<br/>\n".join(escape(k) for k in known)


def failures(result):
    return "\n".join(
        f"<p>Failed: {escape(f['server'])} in {escape(f['scenario'])}: "
        f"{escape(f['what'])}</p>" for f in result["failures"])


def page(result, scenarios):
    """The whole report. XHTML, so that it can be checked as XML."""
    sections = [section(result, s, p) for s in scenarios
                for p in ("pinned", "free")]
    return f"""<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head><meta charset="utf-8"/><title>gthreadd: the benchmark</title>
<style>{STYLE}</style></head>
<body>
<h1>gthreadd: the benchmark</h1>
<p>Medians over rounds in which every server runs once. In brackets: this
server's figure over gthreadd's of the same round. Compare the ratios; absolute
figures hold for one machine and one hour.</p>
<p class="note">{machine(result)}</p>
{failures(result)}
{"".join(sections)}
</body>
</html>
"""
