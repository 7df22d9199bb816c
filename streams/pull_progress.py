"""How far a source has been asked, when it is asked again, and whether it still sees anything. Pure.

Windows are aligned to the step, begin where the last one with samples ended, and end one step behind the
present: no sample twice, and none lost over restarts. What brought nothing is asked for again with what
follows, so that a source that learns of samples late is heard.
"""

from dataclasses import dataclass
from datetime import timedelta

from streams.pull_sources import PullSource

MOST_STEPS_AT_ONCE = 240
"""Steps of one question: an hour of 15 s. Larger answers take the server's memory and ours."""

LONGEST_PAUSE = timedelta(minutes=1)
"""After errors the pause is doubled up to here, or to the source's interval where that is longer."""

LONGEST_ASKED_PAUSE = timedelta(hours=1)
"""A server may ask for a longer pause, and is granted so much."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Steps that are asked for, in milliseconds since the epoch, both ends included."""

    start_ms: int
    end_ms: int
    step_ms: int


@dataclass(slots=True)
class Progress:
    """Where a source stands.

    Attributes:
        covered_ms: Newest step that need not be asked for any more; None before the first.
        heard_ms: Newest step that brought a sample; None before the first.
        failures: Askings in a row that failed.
    """

    source: PullSource
    covered_ms: int | None = None
    heard_ms: int | None = None
    failures: int = 0

    def window(self, now_ms: int) -> Window | None:
        """Return what is to be asked for now; None when no further step is over."""
        step = self.source.step_ms
        newest = self._newest(now_ms)
        start = newest - self.source.history // _MILLISECOND // step * step + step
        if self.covered_ms is not None:
            start = max(start, self.covered_ms + step)
        if start > newest:
            return None
        return Window(start, min(newest, start + (MOST_STEPS_AT_ONCE - 1) * step), step)

    def took(self, window: Window, heard_ms: int | None, now_ms: int) -> None:
        """Note that a window was answered, and that what it brought is on the log.

        Args:
            window: What was asked for.
            heard_ms: Newest step that brought a sample; None for none.
            now_ms: The present.
        """
        self.failures = 0
        if heard_ms is not None:
            self.covered_ms = self.heard_ms = heard_ms
        if window.end_ms < self._newest(now_ms):
            # There is more than one question asks for, so this part is done with.
            self.covered_ms = window.end_ms

    def is_behind(self, now_ms: int) -> bool:
        """Return whether further steps are over that one question could not ask for."""
        window = self.window(now_ms)
        return window is not None and window.end_ms < self._newest(now_ms)

    def failed(self, asked_pause_s: float | None = None) -> float:
        """Note that an asking failed; return the seconds to wait: doubled with each, without any chance."""
        interval = self.source.interval.total_seconds()
        longest = max(interval, LONGEST_PAUSE.total_seconds())
        pause = min(interval * 2.0 ** min(self.failures, 30), longest)
        self.failures += 1
        if asked_pause_s is None:
            return pause
        return max(pause, min(asked_pause_s, LONGEST_ASKED_PAUSE.total_seconds()))

    def is_silent(self, now_ms: int) -> bool:
        """Return whether a source that spoke has told nothing new for as long as it may."""
        if self.heard_ms is None:
            return False
        granted = self.source.delay_ms + self.source.step_ms
        granted += self.source.silent_after * self.source.interval // _MILLISECOND
        return now_ms - self.heard_ms > granted

    def _newest(self, now_ms: int) -> int:
        return (now_ms - self.source.delay_ms) // self.source.step_ms * self.source.step_ms
