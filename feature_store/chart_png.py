"""Charts as PNG: the only file here that knows matplotlib."""

import io
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from feature_store.charts import Chart, Colour, Line, Panel, Shape, gathered

_MARKERS = {
    Shape.NONE: "",
    Shape.CIRCLE: "o",
    Shape.SQUARE: "s",
    Shape.DIAMOND: "D",
    Shape.TRIANGLE: "^",
    Shape.CROSS: "X",
}
_LOOKS: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
    # Names come from strangers: a dollar sign begins no formula.
    "text.parse_math": False,
}
_WIDTH_IN = 10.0
_PANEL_IN = 1.9
_HEAD_IN = 1.0
_MARK_IN = 0.2


def as_png(chart: Chart) -> bytes:
    """Return a chart as PNG, 1,200 pixels wide; equal charts give equal bytes."""
    with mpl.rc_context(_LOOKS):
        heights = [_PANEL_IN * panel.height for panel in chart.panels]
        rows = (len(chart.marks) + 1) // 2
        if rows:
            heights.append(_MARK_IN * rows + 0.1)
        figure = Figure(figsize=(_WIDTH_IN, sum(heights) + _HEAD_IN), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(f"{chart.title}\n\n", fontsize=12, fontweight="bold", x=0.01, ha="left")
        figure.text(0.01, 1 - 0.42 / figure.get_figheight(), chart.subtitle, fontsize=9, va="center")
        axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for place, panel in enumerate(chart.panels):
            shown = axes[place]
            _draw(shown, panel)
            if chart.x_range is not None:
                shown.set_xlim(*chart.x_range)
            if panel.x_label:
                shown.set_xlabel(panel.x_label)
        last = axes[len(chart.panels) - 1]
        if chart.x_label:
            last.set_xlabel(chart.x_label)
        if chart.marks:
            _draw_marks(chart, axes)
        out = io.BytesIO()
        # Without the program's version in the file, equal numbers give equal bytes.
        figure.savefig(out, format="png", dpi=120, metadata={"Software": None})
    return out.getvalue()


def _draw(axes: Axes, panel: Panel) -> None:
    for line in panel.lines:
        _draw_line(axes, line)
    if panel.level is not None:
        height, meaning = panel.level
        axes.axhline(height, color=Colour.BLACK.value, linewidth=1, linestyle="--", label=meaning)
    low, high = panel.y_range
    # A line that lies on the edge of its axes is seen half.
    room = 0.03 * (high - low) if low is not None and high is not None else 0.0
    axes.set_ylim(None if low is None else low - room, None if high is None else high + room)
    axes.set_title(panel.title)
    axes.set_ylabel(panel.y_label)
    if panel.ticks:
        axes.set_xticks([x for x, _ in panel.ticks], [name for _, name in panel.ticks])
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))


def _draw_line(axes: Axes, line: Line) -> None:
    ys = [float("nan") if y is None else y for y in line.ys]
    look: dict[str, Any] = {
        "color": line.colour.value,
        "marker": _MARKERS[line.shape],
        "markersize": 4.5,
        "linewidth": 1.3,
        "linestyle": ("--" if line.is_dashed else "-") if line.is_joined else "",
        "label": line.name or "_",
        # A point at the edge of its axes is seen whole.
        "clip_on": False,
    }
    if line.lows:
        below = [y - low for y, low in zip(ys, line.lows, strict=True)]
        above = [high - y for y, high in zip(ys, line.highs, strict=True)]
        axes.errorbar(line.xs, ys, yerr=[below, above], capsize=3, elinewidth=1, **look)
    else:
        axes.plot(line.xs, ys, **look)


def _draw_marks(chart: Chart, axes: Any) -> None:
    *panels, listing = axes
    for mark in chart.marks:
        for panel in panels:
            panel.axvline(mark.x, color=mark.colour.value, linewidth=0.9, linestyle=":", zorder=0)
    low, high = cast("tuple[float, float]", panels[0].get_xlim())
    for x, numbers in gathered(chart.marks, high - low):
        panels[0].annotate(
            numbers,
            (x, 1.0),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=8,
            fontweight="bold",
            annotation_clip=False,
        )
    # The numbers stand where the title would.
    panels[0].set_title(panels[0].get_title(loc="left"), pad=18, loc="left")
    listing.axis("off")
    rows = (len(chart.marks) + 1) // 2
    for place, mark in enumerate(chart.marks):
        column, row = divmod(place, rows)
        listing.text(
            0.5 * column,
            1 - row / rows,
            f"{place + 1}  {mark.when}  {_shortened(mark.text)}",
            fontsize=8,
            va="top",
            color=mark.colour.value,
            transform=listing.transAxes,
        )


def _shortened(text: str, longest: int = 78) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
