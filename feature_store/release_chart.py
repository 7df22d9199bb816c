"""A release as a chart: evidence over time, both sides of each signal, and what was decided and done when."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from feature_store.charts import Chart, Colour, Line, Mark, Panel, Shape
from feature_store.views import Connection
from feature_store.why import Story, why
from feature_store.wording import clock, level, printable, since, strength, words
from schemas.approvals import HoldChange, HoldChanged
from schemas.codec import from_json
from schemas.errors import SchemaError, SutureError
from schemas.judgements import PRESENCE, Evidence, Recovery, RecoveryKind, VerdictKind
from schemas.observations import OutcomeReported, ReleaseClosed, SettingsChanged
from schemas.orders import Command, Decision, Denied, Held
from schemas.signals import Signal, SignalKind, default_signals

MOST_SIGNALS = 6
"""Of which both sides are drawn: those that came nearest to a conviction. More would not fit a screen."""

_LOWEST = -1.0
"""Of the axis of evidence. What speaks for a release by more is as good, and would press the rest flat."""

_STYLES = (
    (Colour.VERMILION, Shape.CIRCLE),
    (Colour.BLUE, Shape.SQUARE),
    (Colour.GREEN, Shape.DIAMOND),
    (Colour.PURPLE, Shape.TRIANGLE),
    (Colour.ORANGE, Shape.CROSS),
    (Colour.SKY, Shape.CIRCLE),
)
_MEBIBYTE = 1024.0 * 1024.0


class NothingToDrawError(SutureError):
    """There are no numbers to draw: says of what."""


class _Axis:
    """Time as a chart counts it: from the release's beginning, in a unit that fits.

    Args:
        began: Where it is zero.
        first: Earliest instant that is drawn.
        last: Latest.
    """

    def __init__(self, began: datetime, first: datetime, last: datetime) -> None:
        self.began = began
        self.unit, self._width = "minutes", timedelta(minutes=1)
        if last - first < timedelta(minutes=3):
            self.unit, self._width = "seconds", timedelta(seconds=1)
        elif last - first > timedelta(hours=5):
            self.unit, self._width = "hours", timedelta(hours=1)
        room = 0.02 * (self.x(last) - self.x(first) or 1.0)
        self.range = (self.x(min(first, began)) - room, self.x(last) + room)

    def x(self, at: datetime) -> float:
        """Return where an instant is."""
        return round((at - self.began) / self._width, 4)


def release_chart(connection: Connection, question: str) -> Chart:
    """Return the chart of the release that a question names, as `why` reads it.

    Raises:
        ReleaseNotFoundError: nothing fits.
        NothingToDrawError: no evidence about it is in the journal.
    """
    story = why(connection, question)
    tracks = _tracks(story.of(Evidence))
    if not tracks:
        raise NothingToDrawError(f"no evidence about release {story.row.release} is in the journal")
    signals = {str(signal.name): signal for signal in _signals(connection, story)}
    happened = sorted(_happened(story), key=lambda each: each[0])
    times = [item.at for track in tracks for item in track] + [at for at, *_ in happened]
    axis = _Axis(story.started_at, min(times), max(times))
    row = story.row
    return Chart(
        title=printable(f"{row.service} {row.version} in {row.environment}: {words(row.state)}"),
        subtitle=f"Release {printable(row.release)}, began {clock(axis.began)}. Evidence convicts at 100 %.",
        panels=(_evidence_panel(tracks, axis), *(_sides(track, axis, signals) for track in _shown(tracks))),
        marks=tuple(
            Mark(x=axis.x(at), when=since(axis.began, at), text=printable(text), colour=colour)
            for at, text, colour in happened
        ),
        x_label=f"{axis.unit} since the release began",
        x_range=axis.range,
    )


def _tracks(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Return the evidence of each signal and place, those first that came nearest to a conviction."""
    found: dict[tuple[str, str], list[Evidence]] = {}
    for item in evidence:
        found.setdefault((item.signal, item.edge), []).append(item)
    return sorted(found.values(), key=lambda track: -max(_weight(item) for item in track))


def _shown(tracks: Sequence[list[Evidence]]) -> list[list[Evidence]]:
    """Return the signals of which both sides are drawn: whole ones, of whose parts the evidence tells."""
    whole = [track for track in tracks if not track[0].edge]
    return (whole or list(tracks))[:MOST_SIGNALS]


def _weight(item: Evidence) -> float:
    return item.log_e / item.threshold_log_e if item.threshold_log_e > 0 else item.log_e


def _evidence_panel(tracks: Sequence[list[Evidence]], axis: _Axis) -> Panel:
    lines = []
    for track, (colour, shape) in zip(tracks, _STYLES, strict=False):
        lines.append(
            Line(
                name=_name(track[0]),
                xs=tuple(axis.x(item.at) for item in track),
                ys=tuple(100.0 * max(_weight(item), _LOWEST) for item in track),
                notes=tuple(_said(axis.began, item) for item in track),
                colour=colour,
                shape=shape,
                is_dashed=bool(track[0].edge),
            )
        )
    heights = [y for line in lines for y in line.ys if y is not None]
    is_cut = any(_weight(item) < _LOWEST for track in tracks for item in track)
    return Panel(
        title="Evidence that the release does harm" + (", drawn from -100 % on" if is_cut else ""),
        y_label="% of what convicts",
        lines=tuple(lines),
        height=1.35,
        y_range=(min(0.0, *heights), max(110.0, *heights)),
        level=(100.0, "convicts"),
    )


def _sides(track: list[Evidence], axis: _Axis, signals: dict[str, Signal]) -> Panel:
    """Return both sides of a signal: the new version's pods, and what they were compared with."""
    unit, factor = _unit(track, signals.get(track[0].signal))
    xs = tuple(axis.x(item.at) for item in track)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    def notes(side: str) -> tuple[str, ...]:
        return tuple(
            f"{since(axis.began, item.at)} {side} "
            f"{level(scaled(item.canary.level if side == 'new' else item.control.level))} {unit}, exposure "
            f"{(item.canary if side == 'new' else item.control).exposure:,.0f}"
            for item in track
        )

    bound = tuple(
        None if item.control.level is None else (item.control.level + item.margin) * factor for item in track
    )
    lines = [
        Line(
            name="new version",
            xs=xs,
            ys=tuple(scaled(item.canary.level) for item in track),
            colour=Colour.VERMILION,
            notes=notes("new"),
        ),
        Line(
            name="compared with",
            xs=xs,
            ys=tuple(scaled(item.control.level) for item in track),
            colour=Colour.BLUE,
            shape=Shape.SQUARE,
            notes=notes("old"),
        ),
    ]
    if track[0].signal != PRESENCE and any(y is not None for y in bound):
        lines.append(
            Line(
                name="no damage up to", xs=xs, ys=bound, colour=Colour.BLUE, shape=Shape.NONE, is_dashed=True
            )
        )
    return Panel(title=_name(track[0]), y_label=unit, lines=tuple(lines), y_range=(0.0, None))


def _unit(track: Sequence[Evidence], signal: Signal | None) -> tuple[str, float]:
    """Return what the numbers of a signal are in, and what they are multiplied by for it."""
    if track[0].signal == PRESENCE:
        return "intervals", 1.0
    if signal is None:
        return "level", 1.0
    if signal.kind is SignalKind.COUNTS:
        return "for 100 of exposure" if signal.exposure is None else _per(signal), 100.0
    levels = [side.level for item in track for side in (item.canary, item.control) if side.level is not None]
    if signal.unit == "s" and max(levels, default=1.0) < 1.0:
        return "ms", 1000.0
    if signal.unit == "By":
        return "MiB", 1.0 / _MEBIBYTE
    return ("level" if signal.unit == "1" else signal.unit), 1.0


def _per(signal: Signal) -> str:
    is_requests = signal.exposure is not None and "request" in signal.exposure.metric
    return "per 100 requests" if is_requests else "per 100 counted"


def _signals(connection: Connection, story: Story) -> tuple[Signal, ...]:
    """Return the signals of the policy that held, which know units; the built-in ones where none is known."""
    found = connection.execute(
        "SELECT body FROM effects WHERE kind = 'settings' AND happened_at <= $1 "
        "ORDER BY happened_at DESC LIMIT 1",
        [story.entries[-1].at],
    ).fetchone()
    if found is None:
        return default_signals()
    try:
        policy = from_json(SettingsChanged, found[0]).policy
    except SchemaError:
        return default_signals()
    return policy.rule(story.row.environment, story.row.service)[1].signals


def _happened(story: Story) -> Iterator[tuple[datetime, str, Colour]]:
    yield story.started_at, "the release begins", Colour.BLACK
    harmful = next((each for each in story.verdicts if each.kind is VerdictKind.HARMFUL), None)
    if harmful is not None:
        if harmful.first_bad_at is not None:
            yield harmful.first_bad_at, "the first bad interval begins", Colour.VERMILION
        yield harmful.at, f"verdict: harmful, confidence {harmful.confidence:.6g}", Colour.VERMILION
    other = next((each for each in reversed(story.verdicts) if each.is_final), None)
    if other is not None and other.kind is not VerdictKind.HARMFUL:
        yield other.at, f"verdict: {other.kind}", Colour.GREEN
    for entry in story.entries:
        yield from _step(entry.said)


def _step(said: object) -> Iterator[tuple[datetime, str, Colour]]:
    match said:
        case Decision():
            yield said.at, f"decided: {words(said.playbook)}, by rule {said.rule}", Colour.BLACK
        case Held():
            yield said.at, f"a human is asked: {words(said.guard)}", Colour.PURPLE
        case HoldChanged() if said.change in (
            HoldChange.GRANTED,
            HoldChange.REJECTED,
            HoldChange.EXPIRED,
            HoldChange.WITHDRAWN,
        ):
            by = f" by {said.by}" if said.by else ""
            yield said.at, f"the question is {words(said.change)}{by}", Colour.PURPLE
        case Denied():
            yield said.at, f"denied: {words(said.guard)}", Colour.PURPLE
        case Command():
            yield said.issued_at, f"ordered: {words(said.kind)}", Colour.BLUE
        case OutcomeReported(outcome=outcome):
            yield outcome.at, f"{words(outcome.command_kind)}: {words(outcome.kind)}", Colour.BLUE
        case Recovery(kind=RecoveryKind.RECOVERED, recovered_at=datetime() as well):
            yield well, "all is well from here on", Colour.GREEN
        case Recovery():
            yield said.at, f"recovery: {words(said.kind)}", Colour.VERMILION
        case ReleaseClosed():
            yield said.at, f"the watch ends: {said.why}", Colour.BLACK
        case _:
            return


def _name(item: Evidence) -> str:
    return printable(f"{item.signal}{item.where}")


def _said(began: datetime, item: Evidence) -> str:
    return f"{since(began, item.at)} {strength(item.log_e, item.threshold_log_e)}"
