# SPDX-License-Identifier: MIT
"""Bar charts as SVG, without anything from elsewhere."""
from xml.sax.saxutils import escape

ROW, LABEL, PLOT, VALUE = 22, 120, 420, 180
OURS, OTHER, LIMIT = "#1f6feb", "#9aa4b2", "#2da44e"
FONT = 'font-family="sans-serif" font-size="12"'


def color_of(name):
    if name.startswith("gthreadd"):
        return OURS
    return LIMIT if name == "reference" else OTHER


def text(x, y, what, anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" {FONT} text-anchor="{anchor}">'
            f"{escape(what)}</text>")


def bars(title, rows):
    """rows: (name, value, what is written behind the bar)."""
    most = max((value for _, value, _ in rows), default=0) or 1
    height = ROW * (len(rows) + 1) + 8
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
             f'width="{LABEL + PLOT + VALUE}" height="{height}">',
             f"<title>{escape(title)}</title>", text(0, 15, title)]
    for i, (name, value, label) in enumerate(rows):
        y = ROW * (i + 1) + 2
        length = max(1.0, PLOT * value / most)
        parts += [text(LABEL - 6, y + 14, name, "end"),
                  f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" '
                  f'height="{ROW - 5}" fill="{color_of(name)}"/>',
                  text(LABEL + length + 6, y + 14, label)]
    return "\n".join(parts + ["</svg>"])
