"""Blindness: when the instruments that tell of a service see nothing, and that is not the service's doing.

A pod that nobody looks at says nothing, and so does a dead one. So whoever reads an instrument says when it
is broken, and no silence in that time is held against anybody. What other instruments say meanwhile counts.

State of the engine: plain and mutable, so that it can be written as JSON and read back exactly.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from schemas.instants import from_ms, to_ms
from schemas.instruments import InstrumentChanged

HEARD_FOR = timedelta(minutes=10)
"""How long the word that an instrument is broken is worth something unless it is said again. Shorter lets a
reader that died end it too soon; longer holds verdicts back for an instrument that nobody reads any more."""

MOST_DOWN = 16
"""Instruments of one service that are known to be broken at one time; further ones are not noted."""

MOST_GAPS = 32
"""Times without sight that are kept apart; beyond that the two oldest count as one with all between them."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class Down:
    """An instrument that is broken.

    Attributes:
        since_ms: Up to when it saw everything.
        heard_ms: The log's time when that was said last.
    """

    reason: str
    since_ms: int
    heard_ms: int


@dataclass(slots=True, kw_only=True)
class Gap:
    """A time that an instrument did not see, in milliseconds, its end exclusive."""

    first_ms: int
    end_ms: int


@dataclass(slots=True, kw_only=True)
class Blindness:
    """Which instruments of a service are broken, and when some were.

    Attributes:
        down: By the instrument's name.
        gaps: In the order of their end.
    """

    down: dict[str, Down] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def take(self, change: InstrumentChanged, now: datetime | None) -> None:
        """Note that an instrument broke, or works again.

        Args:
            change: What was said of it.
            now: The log's time; None before the first tick.
        """
        at_ms, now_ms = to_ms(change.at), to_ms(change.at if now is None else now)
        known = self.down.get(change.instrument)
        if change.is_working:
            if known is not None:
                del self.down[change.instrument]
                self._missed(known.since_ms, at_ms)
        elif known is not None:
            known.reason, known.heard_ms = change.reason, now_ms
        elif len(self.down) < MOST_DOWN:
            self.down[change.instrument] = Down(
                reason=change.reason, since_ms=min(at_ms, now_ms), heard_ms=now_ms
            )

    def forget(self, floor_ms: int, now: datetime) -> None:
        """Forget gaps before a time, and take back what nobody says any more."""
        now_ms = to_ms(now)
        for name in [
            name for name, down in self.down.items() if now_ms - down.heard_ms > HEARD_FOR // _MILLISECOND
        ]:
            self._missed(self.down.pop(name).since_ms, now_ms)
        self.gaps = [gap for gap in self.gaps if gap.end_ms > floor_ms]

    def reason(self) -> str:
        """Return which instrument is broken since when and why, as a sentence; "" when none is."""
        if not self.down:
            return ""
        name = min(self.down, key=lambda known: (self.down[known].since_ms, known))
        first, others = self.down[name], len(self.down) - 1
        since = from_ms(first.since_ms).strftime("%H:%M:%S")
        also = f", and {others} more of its instruments" if others else ""
        return f"{name} sees nothing since {since} UTC{also}: {first.reason}"

    def intervals(self, first: int, end: int, width_ms: int) -> NDArray[np.bool_]:
        """Return which of the intervals `first` to `end` - 1 were not wholly seen, (intervals,).

        That in which sight came back is among them: a counter tells there of all that it missed.
        """
        blind = np.zeros(max(end - first, 0), dtype=bool)
        spans = [(gap.first_ms // width_ms, gap.end_ms // width_ms + 1) for gap in self.gaps]
        spans += [(down.since_ms // width_ms, end) for down in self.down.values()]
        for begins, ends in spans:
            blind[max(begins - first, 0) : max(ends - first, 0)] = True
        return blind

    def _missed(self, first_ms: int, end_ms: int) -> None:
        if end_ms <= first_ms:
            return
        self.gaps.append(Gap(first_ms=first_ms, end_ms=end_ms))
        self.gaps.sort(key=lambda gap: (gap.end_ms, gap.first_ms))
        if len(self.gaps) > MOST_GAPS:
            oldest, next_one = self.gaps[:2]
            both = Gap(first_ms=min(oldest.first_ms, next_one.first_ms), end_ms=next_one.end_ms)
            self.gaps[:2] = [both]
