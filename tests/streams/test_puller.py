"""One source's puller: what it puts onto the log, and what it says of an instrument that sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from actions.errors import PermanentActionError, TransientActionError
from schemas.envelopes import Message
from schemas.instants import from_ms, to_ms
from schemas.instruments import InstrumentChanged
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from schemas.otlp_metrics import read_metrics
from schemas.pulled_series import Names, PulledKind, PulledMetric, PulledSeries
from schemas.topics import Topic
from streams.kafka_log import Record
from streams.pull_progress import Progress, Window
from streams.pull_sources import PullQuery, PullSource, SourceKind
from streams.puller import AGAIN, SourcePuller
from streams.puller_memory import from_records

STEP_MS = 15_000
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LABELS = Names(service="service", environment="environment", pod="pod", version="version")
COUNTER, GAUGE = (
    PullQuery(metric="requests", query="requests_total", kind=PulledKind.COUNTER),
    PullQuery(metric="memory", query="memory_bytes", kind=PulledKind.GAUGE),
)


class Site:
    """A source that answers as a test wants, a log, and a puller between them.

    Attributes:
        services: That the source tells of.
        dead_since_ms: Steps from here on bring nothing; None for none.
        error: What asking ends with; None for an answer.
        refused: Metrics whose query is refused.
    """

    def __init__(self, **changes: object) -> None:
        given = {
            "name": "main",
            "kind": SourceKind.PROMETHEUS,
            "url": "http://p",
            "queries": (COUNTER, GAUGE),
            "history": timedelta(minutes=1),
            **changes,
        }
        self.source = PullSource(**given)  # type: ignore[arg-type]  # a test names its fields
        self.services = ["cart"]
        self.dead_since_ms: int | None = None
        self.error: Exception | None = None
        self.refused: set[str] = set()
        self.asked: list[tuple[str, Window]] = []
        self.log: list[Message] = []
        self.puller = SourcePuller(self.source, self.ask, self.send, Progress(self.source))
        self.now = NOW

    def ask(self, query: PullQuery, window: Window) -> PulledMetric:
        self.asked.append((query.metric, window))
        if self.error is not None:
            raise self.error
        if query.metric in self.refused:
            raise PermanentActionError("HTTP 400: bad_data: parse error")
        steps = range(window.start_ms, window.end_ms + 1, window.step_ms)
        points = tuple(
            (at, float(at % 1000)) for at in steps if self.dead_since_ms is None or at < self.dead_since_ms
        )
        series = tuple(
            PulledSeries(labels={"service": name, "environment": "dev", "pod": f"{name}-a"}, points=points)
            for name in self.services
        )
        return PulledMetric(metric=query.metric, kind=query.kind, labels=LABELS, fixed=Names(), series=series)

    def send(self, messages: Sequence[Message]) -> None:
        self.log += messages

    def play(self, turns: int) -> list[float]:
        """Let the puller turn, each a step later; return the pauses that it asked for."""
        pauses = []
        for _ in range(turns):
            pauses.append(self.puller.turn(self.now))
            self.now += timedelta(milliseconds=STEP_MS)
        return pauses

    def restart(self) -> None:
        """Begin a puller that knows what stands on the log."""
        records = [
            Record(topic="t", partition=0, offset=number, key=m.key, value=m.value, headers=m.headers)
            for number, m in enumerate(self.log)
            if m.topic is Topic.OTLP_METRICS
        ]
        progress, services = from_records(self.source, records)
        self.puller = SourcePuller(self.source, self.ask, self.send, progress, services)

    def times(self, metric: str = "requests") -> list[int]:
        """Return the times of the samples of a metric, as they stand on the log."""
        found = []
        for message in self.log:
            if message.topic is Topic.OTLP_METRICS:
                for batch in read_metrics(message.value).batches:
                    ids = batch.series_ids.tolist()
                    found += [
                        at
                        for number, at in zip(ids, batch.times_ms.tolist(), strict=True)
                        if batch.series[number].metric == metric
                    ]
        return found

    def words(self) -> list[InstrumentChanged]:
        """Return what was said of the instrument."""
        found = []
        for message in self.log:
            if message.topic is Topic.OBSERVATIONS:
                place = LogPosition(topic="observations", partition=0, offset=0)
                body = read_observation(place, message.key, message.value, message.headers).body
                assert isinstance(body, InstrumentChanged)
                found.append(body)
        return found


def test_every_step_is_on_the_log_once_over_restarts() -> None:
    site = Site()
    for _ in range(4):
        site.play(3)
        site.restart()
    times = site.times()
    assert times == list(range(times[0], times[-1] + 1, STEP_MS))
    assert times == site.times("memory")
    assert times[-1] == to_ms(site.now) - 2 * STEP_MS


def test_a_window_is_put_on_the_log_as_a_whole_or_not_at_all() -> None:
    site = Site()
    site.play(2)
    before = len(site.log)
    asks = site.puller.ask

    def half(query: PullQuery, window: Window) -> PulledMetric:
        if query is GAUGE:
            raise TransientActionError("no answer within 10 s")
        return asks(query, window)

    site.puller.ask = half
    site.play(1)
    assert len(site.log) == before
    site.puller.ask = asks
    site.play(1)
    assert site.times() == list(range(site.times()[0], site.times()[-1] + 1, STEP_MS))


def test_a_source_that_works_is_called_so_once_after_a_start() -> None:
    site = Site()
    site.play(5)
    (word,) = site.words()
    assert word.is_working
    assert word.instrument == "prometheus main"
    site.restart()
    site.play(3)
    assert [word.is_working for word in site.words()] == [True, True]


def test_a_source_that_answers_nobody_is_broken_after_three_intervals_for_those_it_spoke_of() -> None:
    site = Site()
    site.services = ["cart", "mail"]
    site.play(3)
    site.error = TransientActionError("no answer: ConnectError")
    heard_ms = site.times()[-1]
    site.play(20)
    words = site.words()[2:]
    assert {(word.service, word.is_working) for word in words} == {("cart", False), ("mail", False)}
    assert {word.reason for word in words} == {"no answer: ConnectError"}
    assert {to_ms(word.at) for word in words} == {heard_ms}


def test_a_broken_instrument_is_said_again_every_minute_also_while_its_source_asks_for_peace() -> None:
    site = Site()
    site.play(3)
    site.error = TransientActionError("HTTP 429", retry_after_s=3_000)
    asked = len(site.asked)
    site.play(40)
    assert len(site.asked) == asked + 1
    # Told from the sixth of the forty turns on, of which four are a minute.
    assert timedelta(minutes=1) == AGAIN
    assert len(site.words()) == 1 + 9


def test_pauses_after_errors_are_short_enough_to_say_in_time_that_it_is_broken() -> None:
    site = Site()
    site.play(1)
    site.error = TransientActionError("no answer: ConnectError")
    assert max(site.play(30)) <= AGAIN.total_seconds()


@pytest.mark.parametrize("outage", [10, 600])
def test_a_source_that_comes_back_with_all_it_missed_leaves_no_gap(outage: int) -> None:
    site = Site(history=timedelta(hours=3))
    site.play(3)
    site.error = TransientActionError("no answer: ConnectError")
    site.play(outage)
    site.error = None
    site.play(9)
    broken, works = site.words()[-2:]
    assert (broken.is_working, works.is_working) == (False, True)
    assert works.at == broken.at
    times = site.times()
    assert times == list(range(times[0], times[-1] + 1, STEP_MS))


def test_a_source_that_answers_stale_values_only_is_broken_and_its_gap_ends_where_new_ones_begin() -> None:
    site = Site(history=timedelta(minutes=30))
    site.play(3)
    heard_ms = site.times()[-1]
    site.dead_since_ms = heard_ms + 1
    site.play(10)
    broken = site.words()[-1]
    assert not broken.is_working
    assert "has read nothing anew since" in broken.reason
    back_ms = to_ms(site.now)
    answers = site.puller.ask

    def since(query: PullQuery, window: Window) -> PulledMetric:
        site.dead_since_ms = None
        return answers(query, Window(max(window.start_ms, back_ms), window.end_ms, window.step_ms))

    site.puller.ask = since
    site.play(3)
    works = site.words()[-1]
    assert works.is_working
    assert from_ms(heard_ms) == broken.at
    assert works.at == from_ms(back_ms - STEP_MS)


def test_a_query_that_is_refused_is_off_and_told_while_the_others_go_on() -> None:
    site = Site()
    site.refused = {"memory"}
    site.play(4)
    assert [metric for metric, _ in site.asked].count("memory") == 1
    assert len(site.times()) > 3
    assert site.times("memory") == []
    word = site.words()[-1]
    assert not word.is_working
    assert word.reason == "the query of memory is refused: HTTP 400: bad_data: parse error"


def test_a_successor_knows_from_the_log_whom_to_tell_of_a_source_that_is_gone() -> None:
    site = Site()
    site.services = ["cart", "mail"]
    site.play(3)
    site.restart()
    site.error = TransientActionError("no answer: ConnectError")
    site.now += timedelta(minutes=5)
    site.play(1)
    assert [(word.service, word.is_working) for word in site.words()[2:]] == [
        ("cart", False),
        ("mail", False),
    ]


def test_a_source_that_never_spoke_says_nothing_of_anybody() -> None:
    site = Site()
    site.error = TransientActionError("no answer: ConnectError")
    site.play(30)
    assert site.log == []


def test_series_without_a_service_are_left_out_and_do_not_count_as_heard() -> None:
    site = Site()
    site.services = [""]
    site.play(3)
    assert site.log == []


def test_another_sources_place_on_the_log_is_not_taken_for_ones_own() -> None:
    site = Site()
    site.play(2)
    other = Site(name="other")
    other.log = site.log
    other.restart()
    assert other.puller.progress.covered_ms is None


def test_more_samples_than_a_message_holds_bear_their_place_on_the_last_message_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("schemas.pulled_series.MOST_POINTS", 5)
    site = Site()
    site.services = ["cart", "mail", "shop"]
    site.play(1)
    samples = [message for message in site.log if message.topic is Topic.OTLP_METRICS]
    assert len(samples) > 2
    assert [bool(message.headers) for message in samples] == [False] * (len(samples) - 1) + [True]
    assert len(site.times()) == 3 * 4


def test_levels_of_datadog_bear_the_beginning_of_their_step_and_are_asked_for_once_all_the_same() -> None:
    site = Site(kind=SourceKind.DATADOG, url="http://d", queries=(GAUGE,))
    asks = site.puller.ask

    def early(query: PullQuery, window: Window) -> PulledMetric:
        before = Window(window.start_ms - STEP_MS, window.end_ms - STEP_MS, STEP_MS)
        site.asked.append((query.metric, window))
        return asks(query, before)

    site.puller.ask = early
    site.play(4)
    times = site.times("memory")
    assert times == list(range(times[0], times[-1] + 1, STEP_MS))
    assert times[-1] == to_ms(site.now) - 3 * STEP_MS


def test_a_reason_is_cut_to_what_an_engine_keeps() -> None:
    site = Site()
    site.play(2)
    site.error = TransientActionError("x" * 900)
    site.play(12)
    assert len(site.words()[-1].reason) == 500
