"""Charts as one HTML file that needs nothing else: the only file here that knows plotly.

The page carries plotly's script and a Content-Security-Policy that lets nothing but that script and ours
run, by their digests, and lets nothing be fetched: it works without a network and tells nobody that it was
read.

Source: www.w3.org/TR/CSP3, "Integrity of inline scripts"; plotly.com/javascript/reference.
"""

import base64
import hashlib
import json
from html import escape
from typing import Any

from plotly.offline import get_plotlyjs

from feature_store.charts import Chart, Line, Panel, Shape, gathered

_MARKERS = {
    Shape.CIRCLE: "circle",
    Shape.SQUARE: "square",
    Shape.DIAMOND: "diamond",
    Shape.TRIANGLE: "triangle-up",
    Shape.CROSS: "x",
}
_DRAW = (
    "const drawn = JSON.parse(document.getElementById('figure').textContent);"
    "Plotly.newPlot('chart', drawn.data, drawn.layout, {responsive: true, displaylogo: false, "
    "modeBarButtons: [['toImage', 'zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']]});"
)
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:72rem;padding:0 1rem;color:#111;"
    "background:#fff}h1{font-size:1.3rem;margin:0}p{margin:.3rem 0 1rem}"
    "table{border-collapse:collapse;font-size:.9rem}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
    "td:nth-child(-n+2){font-variant-numeric:tabular-nums;white-space:nowrap}"
)
_PANEL_PX = 190
_GAP_PX = 62
_HEAD_PX = 60


def as_html(chart: Chart) -> bytes:
    """Return a chart as a page of about 5 MB, nearly all of it plotly's script."""
    library, draw = get_plotlyjs(), _DRAW
    scripts = " ".join(f"'sha256-{_digest(script)}'" for script in (library, draw))
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    # Inside of a script's element only its end would be markup.
    figure = json.dumps(_figure(chart), separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    marks = "".join(
        f'<tr><td>{number}</td><td>{escape(mark.when)}</td><td style="color:{mark.colour}">'
        f"{escape(mark.text)}</td></tr>"
        for number, mark in enumerate(chart.marks, start=1)
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(chart.title)}</title><style>{_STYLE}</style></head>
<body><h1>{escape(chart.title)}</h1><p>{escape(chart.subtitle)}</p>
<div id="chart"></div>
<table>{marks}</table>
<script id="figure" type="application/json">{figure}</script>
<script>{library}</script>
<script>{draw}</script>
</body></html>
"""
    return page.encode()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _figure(chart: Chart) -> dict[str, Any]:
    heights = [_PANEL_PX * panel.height for panel in chart.panels]
    inner = sum(heights) + _GAP_PX * (len(heights) - 1)
    layout: dict[str, Any] = {
        "height": inner + _HEAD_PX + 70,
        "margin": {"l": 80, "r": 20, "t": _HEAD_PX, "b": 60},
        "hovermode": "closest",
        "plot_bgcolor": "#fff",
        "font": {"size": 12},
        "annotations": [],
        "shapes": [],
    }
    data: list[dict[str, Any]] = []
    top = inner
    for number, (panel, height) in enumerate(zip(chart.panels, heights, strict=True), start=1):
        domain = [max((top - height) / inner, 0.0), top / inner]
        suffix = "" if number == 1 else str(number)
        is_last = number == len(chart.panels)
        layout[f"yaxis{suffix}"] = _y_axis(panel, domain, suffix)
        layout[f"xaxis{suffix}"] = _x_axis(chart, panel, suffix, is_last=is_last)
        layout[f"legend{suffix}"] = {
            "y": domain[1],
            "x": 1.01,
            "xanchor": "left",
            "yanchor": "top",
            "font": {"size": 11},
        }
        layout["annotations"].append(_title(panel, domain[1], is_first=number == 1 and bool(chart.marks)))
        data += [_trace(line, suffix) for line in panel.lines]
        if panel.level is not None:
            data.append(_level(chart, panel, suffix))
        top -= height + _GAP_PX
    _add_marks(chart, layout)
    return {"data": data, "layout": layout}


def _y_axis(panel: Panel, domain: list[float], suffix: str) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "domain": domain,
        "title": {"text": _plain(panel.y_label), "font": {"size": 11}},
        "anchor": f"x{suffix}",
        "zeroline": False,
        "gridcolor": "#e6e6e6",
        "automargin": True,
    }
    low, high = panel.y_range
    if low is not None and high is not None:
        room = 0.03 * (high - low)
        axis["range"] = [low - room, high + room]
    elif low is not None or high is not None:
        axis["range"] = [low, high]
        axis["autorange"] = "max" if high is None else "min"
    return axis


def _x_axis(chart: Chart, panel: Panel, suffix: str, *, is_last: bool) -> dict[str, Any]:
    label = panel.x_label or (chart.x_label if is_last else "")
    axis: dict[str, Any] = {
        "anchor": f"y{suffix}",
        "title": {"text": _plain(label), "font": {"size": 11}},
        "zeroline": False,
        "gridcolor": "#e6e6e6",
    }
    if suffix and not panel.ticks:
        # Who looks closer at a time looks at it in every panel.
        axis["matches"] = "x"
    if chart.x_range is not None:
        axis["range"] = list(chart.x_range)
    if panel.ticks:
        axis |= {
            "tickvals": [x for x, _ in panel.ticks],
            "ticktext": [_plain(name) for _, name in panel.ticks],
            "range": [panel.ticks[0][0] - 0.6, panel.ticks[-1][0] + 0.6],
        }
    return axis


def _title(panel: Panel, top: float, *, is_first: bool) -> dict[str, Any]:
    return {
        "text": f"<b>{_plain(panel.title)}</b>",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        # Above the numbers of the marks.
        "yshift": 18 if is_first else 4,
        "showarrow": False,
    }


def _trace(line: Line, suffix: str) -> dict[str, Any]:
    modes = [*(["lines"] if line.is_joined else []), *(["markers"] if line.shape is not Shape.NONE else [])]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "+".join(modes),
        "name": _plain(line.name),
        "showlegend": bool(line.name),
        "legend": f"legend{suffix}",
        "x": list(line.xs),
        "y": list(line.ys),
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "line": {"color": line.colour.value, "width": 1.6, "dash": "dash" if line.is_dashed else "solid"},
        # A point at the edge of its panel is seen whole.
        "cliponaxis": False,
        "marker": {"size": 7, "symbol": _MARKERS.get(line.shape, "circle")},
    }
    if line.notes:
        trace |= {"text": [_plain(note) for note in line.notes], "hoverinfo": "text+name"}
    if line.lows:
        pairs = list(zip(line.ys, line.lows, line.highs, strict=True))
        trace["error_y"] = {
            "type": "data",
            "array": [high - (y or 0.0) for y, _, high in pairs],
            "arrayminus": [(y or 0.0) - low for y, low, _ in pairs],
            "color": line.colour.value,
            "thickness": 1,
        }
    return trace


def _level(chart: Chart, panel: Panel, suffix: str) -> dict[str, Any]:
    height, meaning = panel.level or (0.0, "")
    xs = [x for line in panel.lines for x in line.xs]
    ends = chart.x_range or (min(xs, default=0.0), max(xs, default=1.0))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _plain(meaning),
        "legend": f"legend{suffix}",
        "x": list(ends),
        "y": [height, height],
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "line": {"color": "#000", "width": 1, "dash": "dash"},
        "hoverinfo": "name",
    }


def _add_marks(chart: Chart, layout: dict[str, Any]) -> None:
    for number in range(1, len(chart.panels) + 1):
        suffix = "" if number == 1 else str(number)
        # In each panel by itself: what stands between two panels is not struck through.
        layout["shapes"] += [
            {
                "type": "line",
                "xref": f"x{suffix}",
                "yref": f"y{suffix} domain",
                "x0": mark.x,
                "x1": mark.x,
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "line": {"color": mark.colour.value, "width": 1, "dash": "dot"},
            }
            for mark in chart.marks
        ]
    low, high = chart.x_range or (0.0, 1.0)
    for x, numbers in gathered(chart.marks, high - low):
        layout["annotations"].append(
            {
                "text": f"<b>{numbers}</b>",
                "x": x,
                "y": 1,
                "xref": "x",
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 11},
            }
        )


def _plain(text: str) -> str:
    """Return a text that plotly shows as it is: it knows a little markup, links among it."""
    return escape(text, quote=False)
