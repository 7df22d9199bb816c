"""Time passes no faster than telemetry is read, and yet it passes."""

from datetime import UTC, datetime, timedelta

from schemas.instants import to_ms
from streams.watermark import IDLE, LONGEST, Watermark

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = ("otlp_metrics", 0), ("otlp_metrics", 1)
ENDS: dict[tuple[str, int], int | None] = {FIRST: 10, SECOND: 10}
NOWHERE: dict[tuple[str, int], int | None] = {FIRST: None, SECOND: None}


def test_time_is_the_present_when_everything_was_read() -> None:
    watermark = Watermark()
    watermark.take(FIRST, 9, to_ms(NOW - HOUR))
    watermark.take(SECOND, 9, to_ms(NOW - HOUR))
    assert watermark.time(NOW, ENDS, NOWHERE) == NOW


def test_an_empty_topic_holds_nothing_back() -> None:
    assert Watermark().time(NOW, {FIRST: 0}, NOWHERE) == NOW


def test_time_waits_for_the_partition_that_is_furthest_behind() -> None:
    watermark = Watermark()
    watermark.take(FIRST, 9, to_ms(NOW))
    watermark.take(SECOND, 3, to_ms(NOW - HOUR))
    assert watermark.time(NOW, ENDS, NOWHERE) == NOW - HOUR
    watermark.take(SECOND, 8, to_ms(NOW - HOUR / 2))
    assert watermark.time(NOW, ENDS, NOWHERE) == NOW - HOUR / 2
    watermark.take(SECOND, 9, to_ms(NOW - HOUR / 3))
    assert watermark.time(NOW, ENDS, NOWHERE) == NOW


def test_no_time_is_told_before_the_first_entry_of_a_backlog_was_read() -> None:
    watermark = Watermark()
    assert watermark.time(NOW, ENDS, {FIRST: 10, SECOND: 4}) is None
    assert watermark.time(NOW, {FIRST: None}, NOWHERE) is None


def test_a_backlog_that_somebody_else_read_holds_nothing_back() -> None:
    assert Watermark().time(NOW, ENDS, {FIRST: 10, SECOND: 10}) == NOW


def test_time_goes_on_when_nothing_comes_any_more() -> None:
    watermark = Watermark()
    watermark.take(FIRST, 8, to_ms(NOW - HOUR))
    ends: dict[tuple[str, int], int | None] = {FIRST: 10}
    assert watermark.time(NOW, ends, NOWHERE) == NOW - HOUR
    later = NOW + IDLE + timedelta(seconds=1)
    assert watermark.time(later, ends, NOWHERE) == later


def test_time_is_held_back_for_a_while_only() -> None:
    watermark = Watermark()
    ends: dict[tuple[str, int], int | None] = {FIRST: 10_000}
    at, offset = NOW, 0
    while at <= NOW + LONGEST:
        watermark.take(FIRST, offset, 0)
        told = watermark.time(at, ends, NOWHERE)
        assert told is not None
        assert told.year == 1970
        at, offset = at + timedelta(seconds=5), offset + 1
    watermark.take(FIRST, offset, 0)
    assert watermark.time(at, ends, NOWHERE) == at


def test_a_partition_that_was_taken_away_holds_nothing_back() -> None:
    watermark = Watermark()
    watermark.take(SECOND, 3, to_ms(NOW - HOUR))
    watermark.forget([SECOND])
    assert watermark.time(NOW, {FIRST: 0}, NOWHERE) == NOW
