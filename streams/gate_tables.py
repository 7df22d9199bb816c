"""Tables about reports and gate results, for people. Foreign names are shown as text, never as markup."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.quality import GateOutcome, GateResult, ObjectiveResult, Part
from schemas.reports import BuildReported

_STYLES = {
    GateOutcome.PASS: "bold green",
    GateOutcome.WARN: "bold yellow",
    GateOutcome.FAIL: "bold red",
    GateOutcome.HOLD: "bold magenta",
}
_WHOLE = 6
_MOST_REASONS = 6


def print_reports(console: Console, reports: Sequence[BuildReported]) -> None:
    """Print what was recognised: a line a file."""
    table = _table("file", "format", "about", "what it says")
    for reported in reports:
        numbers = ", ".join(
            f"{indicator.name} {_number(indicator.value)}"
            for indicator in reported.numbers
            # A scanner's report has a number for each severity; those that are zero say little.
            if indicator.value or not indicator.name.startswith("findings_")
        )
        report = reported.report
        table.add_row(
            Text(report.name), report.format.value, report.content.kind, Text(numbers or "nothing in it")
        )
    console.print(table)


def print_result(console: Console, result: GateResult) -> None:
    """Print what the gate says of a build, and what of it each part says."""
    score = "no score" if result.score is None else f"score {result.score:.0f}"
    head = Text(f"{result.service} {result.version} in {result.environment}: ")
    head.append(result.outcome.value.upper(), style=_STYLES[result.outcome])
    head.append(f", {score}, to be taken back with probability {result.failure_chance:.2f}")
    console.print(head)
    if result.outcome is GateOutcome.PASS and any(
        part.outcome is not GateOutcome.PASS for part in result.parts
    ):
        # Only a human's word makes a pass of parts that are none.
        console.print(Text(result.reasons[0]))
    table = _table("part", "", "score", "weight", "why", "compared with")
    total = sum(part.weight for part in result.parts if part.score is not None)
    for part in result.parts:
        table.add_row(
            part.name,
            _outcome(part.outcome),
            "none" if part.score is None else f"{part.score:.0f}",
            f"{part.weight / total:.0%}" if part.score is not None and total > 0 else "",
            Text("\n".join(_shortened(part))),
            Text(part.compared_with),
        )
    console.print(table)
    if result.objectives:
        _print_objectives(console, result.objectives)


def _print_objectives(console: Console, objectives: Sequence[ObjectiveResult]) -> None:
    table = _table("objective", "", "value", "before", "points", "what it missed")
    for found in objectives:
        name = Text(found.title or found.sli)
        if found.is_key:
            name.append(" (key)")
        table.add_row(
            name,
            _outcome(found.outcome) if found.outcome else Text("reported"),
            "none" if found.value is None else _number(found.value),
            "" if found.compared_value is None else _number(found.compared_value),
            f"{_number(found.points)} of {_number(found.weight)}" if found.outcome else "",
            Text("\n".join(found.broken)),
        )
    console.print(table)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _outcome(outcome: GateOutcome) -> Text:
    return Text(outcome.value, style=_STYLES[outcome])


def _shortened(part: Part) -> list[str]:
    more = len(part.reasons) - _MOST_REASONS
    return [*part.reasons[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]


def _number(value: float) -> str:
    """Return a number for people.

    >>> _number(600.0), _number(0.91666667)
    ('600', '0.9167')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 10**_WHOLE else f"{value:.4g}"
