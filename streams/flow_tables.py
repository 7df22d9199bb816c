"""Tables of DORA's measures for people. Names of services and teams are shown as text, never as markup."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from feature_store.dora import Dora, Measures
from feature_store.wording import span

_HEADINGS = (
    ("deployments", "right"),
    ("a week", "right"),
    ("lead time", "left"),
    ("failed", "left"),
    ("recovery", "left"),
)


def print_dora(console: Console, found: Dora) -> None:
    """Print what was measured: a table by service and, where it spans several weeks, one by week."""
    whole = f"{found.since:%Y-%m-%d} to {found.until:%Y-%m-%d %H:%M} UTC"
    if not found.services:
        console.print(f"nothing was deployed from {whole}", highlight=False)
        return
    console.print(f"From {whole}. Times are medians, with nine of ten below the second.", highlight=False)
    console.print()
    table = _table("environment", "service", "team")
    for line in found.services:
        table.add_row(Text(line.environment), Text(line.service), Text(line.team), *_cells(line.measures))
    console.print(table)
    if len(found.weeks) > 1:
        console.print()
        table = _table("environment", "week from")
        for week in found.weeks:
            table.add_row(Text(week.environment), f"{week.week:%Y-%m-%d}", *_cells(week.measures))
        console.print(table)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name, side in _HEADINGS:
        table.add_column(name, justify="right" if side == "right" else "left")
    return table


def _cells(measured: Measures) -> tuple[str, ...]:
    failed = "none"
    if measured.failed:
        failed = f"{measured.failed} ({100 * measured.change_failure_ratio:.0f} %)"
    return (
        str(measured.deployments),
        f"{measured.per_week:.1f}",
        _times(
            measured.lead_time_s_median,
            measured.lead_time_s_p90,
            measured.lead_times_known,
            measured.deployments,
        ),
        failed,
        _times(
            measured.recovery_s_median, measured.recovery_s_p90, measured.recoveries_known, measured.failed
        ),
    )


def _times(median: float | None, most: float | None, known: int, of: int) -> str:
    """Return a median and a ninth decile, and of how many they are where not of all."""
    if median is None or most is None:
        return "unknown" if of else ""
    text = f"{span(timedelta(seconds=median))}, {span(timedelta(seconds=most))}"
    return text if known == of else f"{text} ({known} of {of} known)"
