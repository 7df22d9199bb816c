"""Log counts: how often each pod printed each statement, interval by interval."""

from dataclasses import dataclass, field

from detectors.log_traces import Tail
from detectors.tracks import Track
from schemas.observations import LogLine
from schemas.signals import Signal, SignalKind

LOG_TEMPLATES = "suture.log.templates"
"""Metric under which log lines are counted by statement; a signal that names it is judged so."""

ERROR_SEVERITY = 17
"""OpenTelemetry's lowest severity number of an error."""

MOST_ERRORS = 256
"""Statements at error level that are counted for one pod; further ones are not, which bounds memory."""

MOST_OTHERS = 64
"""Other statements that are counted for one pod."""

_ERROR, _OTHER = "e", "i"


def is_of_templates(signal: Signal) -> bool:
    """Return whether a signal is judged statement by statement."""
    return signal.events.metric == LOG_TEMPLATES and signal.kind is SignalKind.COUNTS


@dataclass(slots=True, kw_only=True)
class LogCounts:
    """What one pod printed.

    Attributes:
        tail: Where its log stands, to know a trace's further records.
        errors: How many statements are counted at error level.
        tracks: Lines an interval, by level and number of the statement, as `e17` or `i17`; statements that
            turned out to be one since are counted apart until then.
    """

    tail: Tail = field(default_factory=Tail)
    errors: int = 0
    tracks: dict[str, Track] = field(default_factory=dict)

    def add(self, line: LogLine, number: int, index: int) -> None:
        """Count a line.

        Args:
            line: What was printed.
            number: The statement that printed it.
            index: The interval.
        """
        is_error = line.severity >= ERROR_SEVERITY
        key = f"{_ERROR if is_error else _OTHER}{number}"
        track = self.tracks.get(key)
        if track is None:
            others = len(self.tracks) - self.errors
            if self.errors >= MOST_ERRORS if is_error else others >= MOST_OTHERS:
                return
            track = self.tracks[key] = Track()
            self.errors += is_error
        track.add(index, 1.0)

    def drop_before(self, index: int) -> None:
        """Forget the intervals before one, and what was printed in none of the others."""
        for key in list(self.tracks):
            track = self.tracks[key]
            track.drop_before(index)
            if not track.sums:
                del self.tracks[key]
                self.errors -= key.startswith(_ERROR)

    def counted(self, is_error: bool) -> list[tuple[int, Track]]:
        """Return the counts at error level, or all others, by number of the statement."""
        level = _ERROR if is_error else _OTHER
        return [(int(key[1:]), track) for key, track in self.tracks.items() if key[0] == level]
