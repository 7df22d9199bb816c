"""The plots of `docs/judge.md`, drawn from what the benchmarks printed.

`python -m bench.plots --out docs/plots [--calibration FILE] [--ablations FILE] [--delays NAME=FILE ...]
[--labels FILE] [--traces DIR]` draws what it is given the numbers for. FILEs are the JSON of
`bench.calibration` and `bench.ablations` and verdicts of `bench.pairs`, with the pairs' labels; DIR is
ChangeRCA's folder. Needs matplotlib (`pip install suture[plots]`).
"""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.changerca import collect
from bench.changerca_data import Change, changes_of
from bench.traces import Trace, traces
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import read_rows

_COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#8d6a9f", "#b08900", "#3d405b", "#00798c", "#9c6644")
_LOOKS: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.constrained_layout.use": True,
}


def _saved(figure: Figure, file: Path) -> None:
    # Without the program's version in the file, equal numbers give equal bytes.
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} KB", file=sys.stderr)


def draw_calibration(found: dict[str, Any], file: Path) -> None:
    """Draw promised against seen false rollbacks; what lies above the diagonal breaks the promise."""
    alphas = np.array(found["alphas"])
    figure, (ours, theirs) = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    _curves(ours, alphas, {**found["cells"], "quiet pods that spoke": found["pods"]["heard"]})
    ours.set_title("Suture, a look a minute")
    _curves(theirs, alphas, found["mann_whitney"])
    theirs.set_title("Mann-Whitney test, a look a minute")
    ours.set_ylabel("harmless releases ever convicted")
    theirs.legend(loc="lower right")
    ours.legend(ours.lines[-1:], ["quiet pods that spoke"], loc="upper left")
    _saved(figure, file)


def _curves(axes: Axes, alphas: np.ndarray, cells: dict[str, Any]) -> None:
    floor = 3e-4
    axes.plot(alphas, alphas, color="black", linewidth=1, linestyle="--", label="promised")
    for colour, (name, curve) in zip((*_COLOURS, "black"), cells.items(), strict=False):
        seen = np.maximum(np.array(curve["seen"]), floor)
        axes.plot(alphas, seen, marker="o", markersize=3, linewidth=1, color=colour, label=name)
    axes.set(xscale="log", yscale="log", ylim=(floor * 0.8, 1.3), xlabel="promised at most (alpha)")
    axes.set_yticks([floor, 0.001, 0.01, 0.1, 1.0], ["none", "0.1 %", "1 %", "10 %", "100 %"])


def draw_delays(verdicts: dict[str, Path], labels: Path, file: Path) -> None:
    """Draw which share of the generated pairs was rolled back by each minute, by how they were made."""
    with labels.open(encoding="utf-8") as lines:
        cells = {int(row["run"]): (row["cell"], row["bad"] == "1") for row in csv.DictReader(lines)}
    figure, panels = plt.subplots(1, len(verdicts), figsize=(4.5 * len(verdicts), 3.6), sharey=True)
    for axes, (name, path) in zip(np.atleast_1d(panels), verdicts.items(), strict=True):
        minutes: dict[tuple[bool, str], list[int]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            cell, is_bad = cells[said["run"]]
            minutes.setdefault((not is_bad, cell), []).append(said["minute"] or 10**6)
        for colour, ((is_harmless, cell), taken) in zip(_COLOURS, sorted(minutes.items()), strict=False):
            share = [100.0 * float(np.mean(np.array(taken) <= minute)) for minute in range(31)]
            style = "--" if is_harmless else "-"
            label = f"{cell} (harmless)" if is_harmless else cell
            axes.step(range(31), share, where="post", color=colour, linestyle=style, label=label)
        axes.set(title=name, xlabel="minutes since the release", ylim=(-2, 102))
    first = np.atleast_1d(panels)[0]
    first.set_ylabel("rolled back, %")
    first.legend(loc="center right")
    _saved(figure, file)


def draw_traces(folder: Path, file: Path) -> None:
    """Draw how evidence grew in three of ChangeRCA's bad releases: the middle ones by time, and one missed.

    One was found by its silence, one by its numbers; of those missed it is the first by name, or where none
    was, the one that took longest.
    """
    rows = read_rows(folder / "replay.jsonl.gz")
    changes = changes_of(rows)
    with (folder / "labels.csv").open(encoding="utf-8") as lines:
        bad = {row["change_id"] for row in csv.DictReader(lines) if row["bad"] == "1"}
    results = collect(effects_of_pod_minutes(rows), changes)
    at = {change.id: results.changes[change.id].at for change in changes if change.id in bad}
    found = sorted((moment - c.ready, c.id) for c in changes if (moment := at.get(c.id)) is not None)
    missed = sorted(name for name, moment in at.items() if moment is None)
    by_id = {change.id: change for change in changes}
    followed = traces(rows, [by_id[name] for name in at])
    quiet: list[str] = []
    loud: list[str] = []
    for _, name in found:
        (quiet if set(followed[name].log_e) == {"silence"} else loud).append(name)
    names = [part[len(part) // 2] for part in (quiet, loud) if part]
    names.append(missed[0] if missed else found[-1][1])
    figure, panels = plt.subplots(1, len(names), figsize=(3.9 * len(names), 3.6), sharex=True, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        _evidence(axes, followed[name], by_id[name], at[name])
    panels[0].set_ylabel("log e-value less its threshold")
    _saved(figure, file)


def _evidence(axes: Axes, trace: Trace, change: Change, at: int | None) -> None:
    axes.axhline(0.0, color="black", linewidth=1, linestyle="--")
    for colour, (name, points) in zip(_COLOURS, sorted(trace.log_e.items()), strict=False):
        minutes, leads = zip(*points, strict=True)
        axes.plot(minutes, leads, marker="o", markersize=3, linewidth=1, color=colour, label=name)
    if at is not None:
        axes.axvline((at - change.ready) / 60.0, color="black", linewidth=1)
    ends = "rolled back" if at is not None else "not rolled back"
    axes.set(title=f"{change.id}\n{ends}", xlabel="minutes since the canary was ready")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_xlim(left=0.0)
    axes.legend(loc="best")


def draw_ablations(found: dict[str, Any], file: Path) -> None:
    """Draw the figures without one idea at a time, with 95 % intervals."""
    names = list(found["without"])
    labels = ["as shipped", *(f"without {name}" for name in names[1:])]
    figure, panels = plt.subplots(1, 4, figsize=(12, 4), sharey=True)
    place = np.arange(len(names))
    for axes, (key, title) in zip(
        panels,
        (("f1", "F1"), ("false_share", "good rolled back"), ("aa_share", "quiet pods")),
        strict=False,
    ):
        told = [found["without"][name]["changerca"][key] for name in names]
        _bars(
            axes,
            place,
            [(one or {}).get("value") for one in told],
            [(one or {}).get("interval") for one in told],
        )
        axes.set_title(f"ChangeRCA: {title}", fontsize=9)
        axes.set_xlim(0.0, 1.02 if key == "f1" else 0.25)
    _pair_bars(panels[3], place, [found["without"][name]["pairs"] for name in names])
    panels[0].set_yticks(place, labels)
    panels[0].invert_yaxis()
    _saved(figure, file)


def _bars(axes: Axes, place: np.ndarray, values: list[Any], intervals: list[Any]) -> None:
    for at, value, interval in zip(place, values, intervals, strict=True):
        if value is None:
            continue
        axes.barh(at, value, color=_COLOURS[0] if at else "black", height=0.6)
        if interval is not None:
            axes.plot(interval, [at, at], color="grey", linewidth=1.5)


def _pair_bars(axes: Axes, place: np.ndarray, pairs: list[Any]) -> None:
    """Draw the share of generated releases rolled back: of the hardest harmful, the worst harmless cell."""
    for at, cells in zip(place, pairs, strict=True):
        if cells is None:
            axes.text(0.02, at, "not concerned", va="center", fontsize=7, color="grey")
            continue
        shares = {name: cell["rolled_back"] for name, cell in cells.items()}
        bad = [share for name, share in shares.items() if name.startswith("+")]
        good = [share for name, share in shares.items() if not name.startswith("+")]
        is_first = at == 0
        axes.barh(at - 0.17, min(bad), color=_COLOURS[2], height=0.3, label="harmful" if is_first else None)
        axes.barh(at + 0.17, max(good), color=_COLOURS[1], height=0.3, label="harmless" if is_first else None)
    axes.set_title("pairs: hardest harmful, worst harmless", fontsize=9)
    axes.legend(loc="lower right")


def main(arguments: list[str] | None = None) -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/plots"))
    parser.add_argument("--calibration", type=Path)
    parser.add_argument("--ablations", type=Path)
    parser.add_argument("--delays", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--traces", type=Path, metavar="DIR")
    given = parser.parse_args(arguments)
    if given.delays and given.labels is None:
        parser.error("--delays needs the pairs' --labels")
    given.out.mkdir(parents=True, exist_ok=True)
    for setting, value in _LOOKS.items():
        mpl.rcParams[setting] = value  # type: ignore[index]  # its stubs list every name
    if given.calibration is not None:
        draw_calibration(json.loads(given.calibration.read_text()), given.out / "calibration.png")
    if given.ablations is not None:
        draw_ablations(json.loads(given.ablations.read_text()), given.out / "ablations.png")
    if given.delays:
        verdicts = {name: Path(path) for name, _, path in (one.partition("=") for one in given.delays)}
        draw_delays(verdicts, given.labels, given.out / "delays.png")
    if given.traces is not None:
        draw_traces(given.traces, given.out / "evidence.png")


if __name__ == "__main__":
    main()
