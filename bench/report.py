# SPDX-License-Identifier: MIT
"""From runs to medians, ratios and a table to read."""
import statistics

from peers import BASELINE

FIGURES = ("rps", "p50_us", "p99_us", "cpu_us", "switches", "voluntary",
           "involuntary", "pss_mib", "master_mib", "start_ms", "wrk_cpu",
           "server_cpu", "others_cpu", "counted", "probe_requests")
RATIOS = ("cpu_us", "rps", "start_ms", "pss_mib")
# A generator as busy as this is what limited the throughput.
WRK_BUSY = 0.95


def ratios(runs, base, figure):
    """By round: a server's figure over the baseline's of the same round."""
    of = {r["round"]: r[figure] for r in base}
    return [r[figure] / of[r["round"]] for r in runs if r["round"] in of]


def errors_of(runs):
    total = {}
    for run in runs:
        for what, count in run["errors"].items():
            total[what] = total.get(what, 0) + count
    return total


def summary(runs):
    """One row per server of the runs of one scenario and placement."""
    by_server = {}
    for run in runs:
        by_server.setdefault(run["server"], []).append(run)
    rows = []
    for name, own in by_server.items():
        row = {f: statistics.median(r[f] for r in own) for f in FIGURES
               if f in own[0]}
        row.update(server=name, rounds=len(own), errors=errors_of(own),
                   runs_with_errors=sum(bool(r["errors"]) for r in own))
        for figure in RATIOS:
            if figure not in row:
                continue
            found = ratios(own, by_server.get(BASELINE, []), figure)
            row[figure + "_ratio"] = \
                statistics.median(found) if found else None
            row[figure + "_ratio_range"] = \
                [min(found), max(found)] if found else None
        rows.append(row)
    return rows


# title, width, text of a row; by kind of scenario
SERVER = ("server", -14, lambda r: r["server"])
LOAD_COLUMNS = (
    SERVER,
    ("cpu us", 8, lambda r: f"{r['cpu_us']:.1f}"),
    ("ratio", 7, lambda r: ratio(r["cpu_us_ratio"])),
    ("(of rounds)", 14, lambda r: ratio_range(r["cpu_us_ratio_range"])),
    ("req/s", 9, lambda r: f"{r['rps']:.0f}"),
    ("ratio", 7, lambda r: ratio(r["rps_ratio"])),
    ("p50 us", 8, lambda r: f"{r['p50_us']:.0f}"),
    ("p99 us", 8, lambda r: f"{r['p99_us']:.0f}"),
    ("cs", 6, lambda r: f"{r['switches']:.2f}"),
    ("PSS MiB", 8, lambda r: f"{r['pss_mib']:.1f}"),
    ("app/s", 7, lambda r: f"{r['counted']:.0f}" if r["counted"] else ""),
)
START_COLUMNS = (
    SERVER,
    ("start ms", 10, lambda r: f"{r['start_ms']:.0f}"),
    ("ratio", 7, lambda r: ratio(r["start_ms_ratio"])),
    ("(of rounds)", 14, lambda r: ratio_range(r["start_ms_ratio_range"])),
)
MEMORY_COLUMNS = (
    SERVER,
    ("PSS MiB", 9, lambda r: f"{r['pss_mib']:.1f}"),
    ("ratio", 7, lambda r: ratio(r["pss_mib_ratio"])),
    ("master", 9, lambda r: f"{r['master_mib']:.2f}"),
    ("others", 9, lambda r: f"{r['pss_mib'] - r['master_mib']:.1f}"),
)
COLUMNS = {"load": LOAD_COLUMNS, "start": START_COLUMNS,
           "memory": MEMORY_COLUMNS}


def ratio(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ratio_range(pair):
    return "-" if pair is None else f"{ratio(pair[0])}-{ratio(pair[1])}"


def cell(text, width):
    return text.ljust(-width) if width < 0 else text.rjust(width)


def marks(row):
    """What the reader must know of a row, at its end."""
    found = []
    if row.get("wrk_cpu", 0) >= WRK_BUSY:
        found.append("wrk-bound")
    if row["errors"]:
        what = ", ".join(f"{k} {v}" for k, v in sorted(row["errors"].items()))
        found.append(f"! {row['runs_with_errors']}/{row['rounds']} runs with "
                     f"errors: {what}")
    return "  " + "; ".join(found) if found else ""


def table(title, rows, kind="load"):
    columns = COLUMNS[kind]
    lines = ["", f"== {title}",
             "".join(cell(t, w) for t, w, _ in columns)]
    for row in rows:
        lines.append("".join(cell(text(row), width)
                             for _, width, text in columns) + marks(row))
    if kind == "load":
        others = max(row["others_cpu"] for row in rows)
        lines.append(f"(other processes took up to {others:.0%} of one CPU "
                     "during a server's median run)")
    return "\n".join(lines)


def notes(servers):
    return [f"{s.name}: {s.note}" for s in servers if s.note and not s.skip]


def syscall_table(title, found, least=0.005):
    """found: {server: traced run}."""
    lines = ["", f"== {title}"]
    for name, run in found.items():
        calls = sorted(run["calls"].items(), key=lambda item: -item[1])
        text = "  ".join(f"{n} {c:.2f}" for n, c in calls if c >= least)
        total = sum(run["calls"].values())
        lines.append(f"{name:<14}total {total:.2f}:  {text}")
        if run["errors"]:
            lines.append(f"{'':<14}! errors: {run['errors']}")
    return "\n".join(lines)
