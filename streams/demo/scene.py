"""The scene: what there is to show while the demonstration runs, whoever shows it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from streams import clock
from streams.demo.heard import Story
from streams.demo.narrator import Narrator
from streams.demo.traffic import Tally


class Act(StrEnum):
    """What a part of the story is about."""

    START = "start"
    BASELINE = "baseline"
    GOOD = "good"
    SETTLE = "settle"
    BAD = "bad"
    RECOVERY = "recovery"
    ASK = "ask"


@dataclass(slots=True, kw_only=True)
class Phase:
    """One part of the story.

    Attributes:
        expected_s: How long it usually takes; what its progress is measured against.
        began: On the monotonic clock; None before.
        began_at: The same as an instant.
        ended: Likewise.
    """

    act: Act
    title: str
    expected_s: float
    began: float | None = None
    began_at: datetime | None = None
    ended: float | None = None

    @property
    def share(self) -> float:
        """Return how much of it is over, 0 to 1; short of 1 until it really is."""
        if self.began is None:
            return 0.0
        if self.ended is not None:
            return 1.0
        return min((time.monotonic() - self.began) / self.expected_s, 0.97)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when, and in words."""

    at: datetime
    text: str


@dataclass(slots=True, kw_only=True)
class OnTrial:
    """The release that is being judged.

    Attributes:
        about: What is wrong with it, in words.
    """

    version: str
    about: str
    story: Story
    narrator: Narrator


@dataclass(slots=True)
class Scene:
    """What there is to show.

    Attributes:
        running: Returns the ready instances by version.
        on_trial: The release that is judged now, or was last.
    """

    phases: list[Phase]
    tally: Tally = field(default_factory=Tally)
    running: Callable[[], dict[str, int]] = dict
    on_trial: OnTrial | None = None
    events: list[Event] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def begin(self, act: Act) -> None:
        """Begin a phase; the one before is over."""
        self.end()
        for phase in self.phases:
            if phase.act is act:
                phase.began, phase.began_at = time.monotonic(), clock.now()

    def end(self) -> None:
        """End the phase that is under way."""
        if self.phase is not None:
            self.phase.ended = time.monotonic()

    @property
    def phase(self) -> Phase | None:
        """Return the phase that is under way."""
        return next((p for p in self.phases if p.began is not None and p.ended is None), None)

    def say(self, text: str) -> None:
        """Note that something happened."""
        self.events.append(Event(clock.now(), text))

    def listen(self) -> None:
        """Note what is new about the release on trial."""
        if self.on_trial is not None:
            for news in self.on_trial.narrator.news(self.on_trial.story):
                self.say(news)
