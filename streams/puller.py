"""One source's puller: asks what is due, puts the samples onto the log, and says when it sees nothing.

A window is put onto the log as a whole or not at all: requests whose errors were not answered would speak for
a release that fails. What it needs of the world is passed in.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.errors import PermanentActionError, TransientActionError
from schemas.envelopes import Message
from schemas.instants import from_ms, to_ms
from schemas.instruments import LONGEST_REASON, InstrumentChanged
from schemas.keys import EnvironmentName, ServiceName, service_key
from schemas.observation_messages import observation_message
from schemas.otlp_resources import identify
from schemas.pulled_series import PulledKind, PulledMetric, is_named, otlp_requests
from schemas.topics import Topic
from streams.pull_asking import AskSource
from streams.pull_progress import Progress, Window
from streams.pull_sources import PullSource, SourceKind

logger = logging.getLogger("suture.puller")

POSITION_HEADER = "suture-pulled"
"""Header of a window's last message: `source/newest step that brought a sample, in milliseconds`."""

AGAIN = timedelta(minutes=1)
"""How often it is said again that the instrument is broken; the engines believe it for ten minutes."""

SPOKE_LATELY = timedelta(minutes=10)
"""A service is told of a broken source if it was among what the source said so long before it broke."""

_MILLISECOND = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)

Place = tuple[EnvironmentName, ServiceName]


@dataclass(slots=True)
class SourcePuller:
    """Asks one source.

    Attributes:
        source: Which.
        ask: Asks it one query.
        send: Puts messages onto the log, and returns when they are there.
        progress: How far it was asked.
        services: When each service was last among what it said, in milliseconds.
        off: Queries that were refused, by their place in the file, with the reason.
        is_told: Whether the services know how the source fares.
        broken: Reason that was told; "" while it works.
        told_at: When that was said.
        failure: What the newest asking failed with; "" when it did not.
        back_ms: First step that brought a sample since it was called broken; None before.
        resumes_at: When it is asked again after that; None when it did not fail.
    """

    source: PullSource
    ask: AskSource
    send: Callable[[Sequence[Message]], None]
    progress: Progress
    services: dict[Place, int] = field(default_factory=dict)
    off: dict[int, str] = field(default_factory=dict)
    is_told: bool = False
    broken: str = ""
    told_at: datetime | None = None
    failure: str = ""
    back_ms: int | None = None
    resumes_at: datetime | None = None

    def turn(self, now: datetime) -> float:
        """Ask what is due; return the seconds until the next turn.

        Raises:
            LogError: Kafka takes nothing; a successor asks again for what is not on the log.
        """
        now_ms, interval = to_ms(now), self.source.interval
        if self.resumes_at is not None and now < self.resumes_at:
            self._tell(self._trouble(now_ms), now)
            return min(self.resumes_at - now, interval, AGAIN) / _SECOND
        window = self.progress.window(now_ms)
        if window is None:
            return interval / _SECOND
        try:
            answers = self._answers(window)
        except TransientActionError as error:
            pause_s = self.progress.failed(error.retry_after_s)
            self.failure, self.resumes_at = str(error), now + timedelta(seconds=pause_s)
            logger.warning(
                "source does not answer",
                extra={"source": self.source.title, "reason": self.failure, "again_in_s": pause_s},
            )
            self._tell(self._trouble(now_ms), now)
            return min(timedelta(seconds=pause_s), interval, AGAIN) / _SECOND
        self.failure, self.resumes_at = "", None
        first_ms, heard_ms = self._put(answers)
        if self.back_ms is None:
            self.back_ms = first_ms
        self.progress.took(window, heard_ms, now_ms)
        if self.progress.is_behind(now_ms):
            return 0.0
        self._tell(self._trouble(now_ms), now)
        return interval / _SECOND

    def _answers(self, window: Window) -> list[PulledMetric]:
        answers = []
        for place, query in enumerate(self.source.queries):
            if place in self.off:
                continue
            try:
                answers.append(self.ask(query, window))
            except PermanentActionError as error:
                self.off[place] = f"the query of {query.metric} is refused: {error}"
                # The text says it all: the source's own words, without a trace of ours.
                logger.error(  # noqa: TRY400
                    "query is off until the file changes",
                    extra={"source": self.source.title, "metric": query.metric, "reason": str(error)},
                )
        return answers

    def _put(self, answers: Iterable[PulledMetric]) -> tuple[int | None, int | None]:
        """Put samples onto the log; return the first and the newest step that brought any."""
        named = [(metric, one) for metric in answers for one in metric.series if one.points]
        steps: list[int] = []
        for metric, series in named:
            resource = metric.resource_of(series)
            if not is_named(resource):
                continue
            # Datadog's levels bear the time at which their step began.
            is_early = self.source.kind is SourceKind.DATADOG and metric.kind is PulledKind.GAUGE
            late = self.source.step_ms if is_early else 0
            steps += (series.points[0][0] + late, series.points[-1][0] + late)
            who = identify(resource)
            if not isinstance(who, str):
                place = (who.environment, who.service)
                self.services[place] = max(self.services.get(place, 0), steps[-1])
        if not steps:
            if named:
                logger.warning("no series names a service", extra={"source": self.source.title})
            return None, None
        requests = [request.SerializeToString() for request in otlp_requests(answers)]
        last = ((POSITION_HEADER, position_text(self.source.name, max(steps))),)
        self.send(
            [
                Message(
                    topic=Topic.OTLP_METRICS,
                    key=key_of(self.source.name),
                    value=value,
                    headers=last if number == len(requests) else (),
                )
                for number, value in enumerate(requests, start=1)
            ]
        )
        return min(steps), max(steps)

    def _trouble(self, now_ms: int) -> str:
        """Return why nobody should trust what is heard of the source; "" for no reason."""
        reasons = list(self.off.values())
        heard_ms = self.progress.heard_ms
        is_asked = len(self.off) < len(self.source.queries)
        if heard_ms is not None and is_asked and self.progress.is_silent(now_ms):
            since = from_ms(heard_ms).strftime("%H:%M:%S")
            reasons.insert(0, self.failure or f"it answers, and has read nothing anew since {since} UTC")
        return "; ".join(reasons)

    def _tell(self, reason: str, now: datetime) -> None:
        """Tell the services how the source fares, where that is news or must be said again.

        Args:
            reason: Why it is broken; "" where it works.
            now: The present.
        """
        heard_ms, back_ms = self.progress.heard_ms, self.back_ms
        if heard_ms is None or (not reason and back_ms is None):
            return
        is_due = self.told_at is None or now - self.told_at >= AGAIN
        is_news = not self.is_told or reason != self.broken or (bool(reason) and is_due)
        if not is_news:
            return
        seen_ms = heard_ms
        if reason:
            self.back_ms = None
        elif back_ms is not None:
            seen_ms = back_ms - self.source.step_ms
        latest = max(self.services.values(), default=0) - SPOKE_LATELY // _MILLISECOND
        self.services = {place: at for place, at in self.services.items() if at >= latest}
        self.send([self._word(place, reason, seen_ms) for place in sorted(self.services)])
        self.is_told, self.broken, self.told_at = True, reason, now
        if reason:
            logger.warning("instrument is broken", extra={"source": self.source.title, "reason": reason})
        else:
            logger.info("instrument works", extra={"source": self.source.title})

    def _word(self, place: Place, reason: str, at_ms: int) -> Message:
        environment, service = place
        change = InstrumentChanged(
            environment=environment,
            service=service,
            instrument=self.source.title,
            is_working=not reason,
            reason=reason[:LONGEST_REASON],
            at=from_ms(at_ms),
        )
        return observation_message(Topic.OBSERVATIONS, service_key(environment, service), change)


def key_of(source: str) -> bytes:
    """Return the key of a source's messages: one partition, so that their order is that of the askings."""
    return f"pull/{source}".encode()


def position_text(source: str, heard_ms: int) -> bytes:
    """Return the header that says how far a source was asked."""
    return f"{source}/{heard_ms}".encode()


def position_of(header: bytes, source: str) -> int | None:
    """Return how far a message's header says that a source was asked; None for another source's.

    >>> position_of(position_text("main", 15_000), "main"), position_of(b"other/15000", "main")
    (15000, None)
    """
    name, _, text = header.decode(errors="replace").rpartition("/")
    return int(text) if name == source and text.isdecimal() else None
