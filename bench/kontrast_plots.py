"""Plots of single Kontrast changes: earlier days, what was expected, what came, and the score.

`python -m bench.kontrast_plots --data DIR --out FILE ID...` draws the changes that are named, side by side.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.kontrast import HORIZON, Floats, minutes, read_series, read_starts
from detectors.seasonal_shift import THRESHOLD, SeasonalYardstick, seasonal_yardstick

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_BEFORE, _DAY = 120, 1440


def expected(yardstick: SeasonalYardstick) -> Floats:
    """Return what the series was expected to do, in its own unit, (horizon,)."""
    path = yardstick.level + yardstick.movement
    return path if np.isnan(yardstick.offset) else np.asarray(np.exp(path) - yardstick.offset)


def draw(top: Axes, bottom: Axes, past: Floats, live: Floats, title: str) -> None:
    """Draw one change: the series above, its score below."""
    yardstick = seasonal_yardstick(past, HORIZON)
    scores = yardstick.scores(live)
    whole, start = np.concatenate((past, live)), len(past)
    for day in (3, 2, 1):
        begin = start - _BEFORE - day * _DAY
        if begin >= 0:
            earlier = whole[begin : begin + _BEFORE + HORIZON]
            top.plot(np.arange(len(earlier)) - _BEFORE, earlier, color="0.75", lw=0.6, label=f"-{day} d")
    top.plot(np.arange(-min(_BEFORE, start), 0), past[-_BEFORE:], color="tab:blue", lw=0.8)
    top.plot(live, color="tab:red", lw=0.9, label="after the change")
    top.plot(expected(yardstick), "k--", lw=1.0, label="expected")
    top.set_title(title, fontsize=9)
    bottom.plot(scores, color="k", lw=1.0)
    bottom.axhline(THRESHOLD, color="tab:red", lw=0.8, ls=":")
    bottom.set_xlabel("minutes from the change", fontsize=8)
    passed = np.flatnonzero(scores > THRESHOLD)
    for axes in (top, bottom):
        axes.axvline(0, color="k", lw=0.6)
        axes.tick_params(labelsize=7)
        if len(passed):
            axes.axvline(int(passed[0]), color="tab:red", lw=0.8)


def main(arguments: list[str] | None = None) -> None:
    """Draw the changes that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/kontrast"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("changes", nargs="+", metavar="ID")
    given = parser.parse_args(arguments)
    series = read_series(given.data / "series.parquet")
    known = {change.id: change for change in read_starts(given.data)}
    size = (4.2 * len(given.changes), 4.0)
    figure, axes = plt.subplots(
        2, len(given.changes), figsize=size, sharex="col", squeeze=False, height_ratios=[2, 1]
    )
    for column, name in enumerate(given.changes):
        change = known[name]
        label = {True: ", bad", False: ", good", None: ""}[change.bad]
        past, live = minutes(series[name], change.start_s)
        draw(axes[0, column], axes[1, column], past, live, f"{name}{label}")
    axes[0, 0].legend(fontsize=7, loc="upper left")
    axes[1, 0].set_ylabel("score", fontsize=8)
    figure.tight_layout()
    figure.savefig(given.out, dpi=75)


if __name__ == "__main__":
    main()
