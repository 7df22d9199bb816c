"""A backtest's result as JSON and as tables for people."""

from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from streams.backtest import Comparison
from streams.backtest_check import Checked
from streams.backtest_figures import Figure

_ABOUT = {
    "false_rollbacks": "false rollbacks",
    "false_calls": "false calls",
    "found": "bad found",
    "delay": "delay",
    "bad_minutes": "bad minutes",
    "blame_hits_1": "blame HR@1",
    "blame_hits_3": "blame HR@3",
}


def as_json(found: Comparison, checked: Checked) -> dict[str, Any]:
    """Return the result as plain values: counts, figures, changes and the ruling."""
    return {
        "log": found.log,
        "champion": found.champion,
        "candidate": found.candidate,
        "releases": found.releases,
        "labelled": found.labelled,
        "clusters": found.clusters,
        "cut_off": found.cut_off,
        "left_out": {"answers": found.left_out.answers, "outcomes": found.left_out.outcomes},
        "failed": found.failed,
        "figures": {
            one.name: {
                "unit": one.unit,
                "champion": one.champion,
                "candidate": one.candidate,
                "difference": one.difference,
                "interval": None if one.low is None or one.high is None else [one.low, one.high],
                "releases": one.releases,
            }
            for one in found.figures
        },
        "changes": [
            {
                "release": one.release,
                "environment": one.environment,
                "service": one.service,
                "champion": one.champion,
                "candidate": one.candidate,
                "at": one.at.isoformat() if one.at else None,
                "why": one.why,
                "is_cut_off": one.is_cut_off,
            }
            for one in found.changes
        ],
        "ruling": checked.ruling.value,
        "reasons": list(checked.reasons),
    }


def show(found: Comparison, checked: Checked, console: Console) -> None:
    """Print the result for people."""
    console.print(
        f"{found.releases} releases of {found.log}, {found.labelled} with a label, "
        f"in {found.clusters} environments and days"
    )
    if found.labelled:
        console.print(_figures(found))
    else:
        console.print("No release has a label: changes of verdict are all that can be told.")
    if found.changes:
        console.print(_changes(found))
    else:
        console.print("Every release was judged the same, at the same time.")
    for line in _caveats(found):
        console.print(line)
    console.print(f"{checked.ruling.value.replace('_', ' ')}: {'; '.join(checked.reasons)}")


def _figures(found: Comparison) -> RenderableType:
    table = Table(title="Figures; the interval is of the paired difference, 95 %")
    table.add_column("figure", no_wrap=True)
    for name in (found.champion, found.candidate, "difference", "interval", "of"):
        table.add_column(name, justify="right")
    for one in found.figures:
        table.add_row(
            f"{_ABOUT[one.name]}, {one.unit}",
            _number(one.champion),
            _number(one.candidate),
            _number(one.difference),
            _interval(one),
            _number(one.releases),
        )
    return table


def _changes(found: Comparison) -> RenderableType:
    table = Table(title="Changes", show_lines=True)
    table.add_column("release, when and why", ratio=3, overflow="fold")
    table.add_column(found.champion, ratio=1)
    table.add_column(found.candidate, ratio=1)
    for one in found.changes:
        when = f"{one.at:%Y-%m-%d %H:%M:%S}: " if one.at else ""
        table.add_row(f"{one.release}\n{when}{one.why}", one.champion, one.candidate)
    return table


def _caveats(found: Comparison) -> list[str]:
    said = []
    if found.cut_off:
        said.append(
            f"{found.cut_off} releases were really taken back before {found.candidate} called them harmful: "
            "what it would have said later cannot be known. They count neither as spared nor as missed; "
            "their bad minutes count until then, which is the least there would have been."
        )
    if found.left_out.answers:
        said.append(f"{found.left_out.answers} answers were given to questions that it did not ask.")
    if found.left_out.outcomes:
        said.append(f"{found.left_out.outcomes} outcomes are of commands that it did not give.")
    if found.failed:
        said.append(f"{found.failed} observations could not be applied; the log of this command says why.")
    return said


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return "cannot be had"
    return f"{figure.low:.4g} to {figure.high:.4g}"
