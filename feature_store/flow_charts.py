"""Promises against what happened, and DORA's measures week by week, as charts."""

from collections.abc import Sequence
from typing import Any

from feature_store.charts import Chart, Colour, Line, Panel, Shape
from feature_store.dora import Dora, Measures, WeekMeasures
from feature_store.release_chart import NothingToDrawError
from feature_store.views import Connection
from feature_store.wording import printable

_PROMISES = {
    "harmful": ("Releases that were judged harmful: how many did damage", "confidence of the verdict"),
    "false_rollback": (
        "Releases that did no damage: how many were judged harmful",
        "alpha: promised at most",
    ),
    "gate": (
        "Builds before their deployment: how many were taken back or did damage",
        "chance that was given",
    ),
}
_HOUR_S = 3600.0
_MINUTE_S = 60.0
_STYLES = (
    (Colour.BLUE, Shape.CIRCLE),
    (Colour.VERMILION, Shape.SQUARE),
    (Colour.GREEN, Shape.DIAMOND),
    (Colour.PURPLE, Shape.TRIANGLE),
    (Colour.ORANGE, Shape.CROSS),
    (Colour.SKY, Shape.CIRCLE),
)


def calibration_chart(connection: Connection, *, only_others: bool = False) -> Chart:
    """Return what was promised against what happened, by bin, with 95 % intervals.

    Args:
        connection: From `feature_store.views.connect`.
        only_others: Count only releases of which somebody else than Suture itself says something.

    Raises:
        NothingToDrawError: no release is known of which anybody says what it was.
    """
    rows = connection.execute(
        "SELECT promise, bin_from, bin_to, releases, promised, happened, happened_low, happened_high "
        "FROM calibration WHERE witness = $1 ORDER BY promise, bin_from",
        ["others" if only_others else "anybody"],
    ).fetchall()
    if not rows:
        raise NothingToDrawError(
            "no verdict and no gate's chance can be held against a label or an outcome yet"
        )
    by_promise: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_promise.setdefault(row[0], []).append(row)
    witness = "somebody else than Suture itself" if only_others else "anybody, Suture itself included,"
    return Chart(
        title="What was promised, and what happened",
        subtitle=f"Of releases of which {witness} says what they were; bars are 95 % intervals (Wilson).",
        panels=tuple(_promise(name, found) for name, found in by_promise.items()),
    )


def _promise(name: str, rows: Sequence[tuple[Any, ...]]) -> Panel:
    title, x_label = _PROMISES[name]
    places = tuple(float(place) for place in range(len(rows)))
    ticks = tuple(
        (place, f"{_bin(row[1], row[2])}\nof {row[3]}") for place, row in zip(places, rows, strict=True)
    )
    return Panel(
        title=title,
        y_label="% of releases",
        x_label=x_label,
        ticks=ticks,
        height=1.6,
        y_range=(0.0, 100.0),
        lines=(
            Line(
                name="promised",
                xs=tuple(place - 0.08 for place in places),
                ys=tuple(100.0 * row[4] for row in rows),
                notes=tuple(f"promised {100.0 * row[4]:.4g} %" for row in rows),
                colour=Colour.BLUE,
                shape=Shape.SQUARE,
                is_joined=False,
            ),
            Line(
                name="happened",
                xs=tuple(place + 0.08 for place in places),
                ys=tuple(100.0 * row[5] for row in rows),
                lows=tuple(100.0 * row[6] for row in rows),
                highs=tuple(100.0 * row[7] for row in rows),
                notes=tuple(
                    f"{100.0 * row[5]:.3g} % of {row[3]}, from {100.0 * row[6]:.3g} to {100.0 * row[7]:.3g} %"
                    for row in rows
                ),
                colour=Colour.VERMILION,
                is_joined=False,
            ),
        ),
    )


def _bin(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def dora_chart(found: Dora) -> Chart:
    """Return the measures by week, a line an environment.

    Raises:
        NothingToDrawError: nothing was deployed.
    """
    if not found.weeks:
        raise NothingToDrawError(f"nothing was deployed since {found.since:%Y-%m-%d}")
    weeks = sorted({week.week for week in found.weeks})
    places = {week: float(place) for place, week in enumerate(weeks)}
    ticks = tuple((place, f"{week:%m-%d}") for week, place in places.items())
    environments = sorted({week.environment for week in found.weeks})
    chosen = {name: [week for week in found.weeks if week.environment == name] for name in environments}

    def panel(title: str, y_label: str, figure: Any, y_range: tuple[float, float | None]) -> Panel:
        lines = []
        for name, (colour, shape) in zip(environments, _STYLES, strict=False):
            lines.append(
                Line(
                    name=printable(name),
                    xs=tuple(places[week.week] for week in chosen[name]),
                    ys=tuple(figure(week.measures) for week in chosen[name]),
                    notes=tuple(_note(week) for week in chosen[name]),
                    colour=colour,
                    shape=shape,
                )
            )
        return Panel(title=title, y_label=y_label, lines=tuple(lines), ticks=ticks, y_range=y_range)

    return Chart(
        title="Delivery by week",
        subtitle=f"Weeks begin on Monday, UTC; from {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d %H:%M}.",
        panels=(
            panel("Deployments", "in the week", lambda each: float(each.deployments), (0.0, None)),
            panel("Lead time for changes", "median, hours", _lead_hours, (0.0, None)),
            panel("Change fail rate", "% of deployments", _failed_percent, (0.0, 100.0)),
            panel("Failed-deployment recovery time", "median, minutes", _recovery_minutes, (0.0, None)),
        ),
        x_label="week that began on (month-day)",
    )


def _lead_hours(each: Measures) -> float | None:
    return None if each.lead_time_s_median is None else each.lead_time_s_median / _HOUR_S


def _failed_percent(each: Measures) -> float:
    return 100.0 * each.change_failure_ratio


def _recovery_minutes(each: Measures) -> float | None:
    return None if each.recovery_s_median is None else each.recovery_s_median / _MINUTE_S


def _note(week: WeekMeasures) -> str:
    each = week.measures
    return f"{week.week:%Y-%m-%d}: {each.deployments} deployments, {each.failed} failed"
