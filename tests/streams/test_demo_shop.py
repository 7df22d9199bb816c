from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from streams.demo.fault import Fault
from streams.demo.shop import ROUTE, Shop, handler_of
from streams.demo.traffic import RATE_MAX, SLOW_SECONDS, Place, Tally, Traffic
from tests.listening import listening

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Measured:
    """Takes measurements as the OpenTelemetry histogram does."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, HTTPStatus]] = []

    def __call__(self, seconds: float, status: HTTPStatus) -> None:
        self.seen.append((seconds, status))


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    with listening(handler_of(shop)) as address:
        yield address


def status_of(address: str, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_good_version_answers_every_checkout_and_measures_it() -> None:
    measured = Measured()
    shop = Shop("1.1", Fault.NONE, measured)
    assert [shop.checkout() for _ in range(50)] == [HTTPStatus.OK] * 50
    assert [status for _, status in measured.seen] == [HTTPStatus.OK] * 50


def test_a_version_with_errors_fails_some_requests_and_not_all() -> None:
    measured = Measured()
    shop = Shop("1.2", Fault.ERRORS, measured)
    statuses = [shop.checkout() for _ in range(60)]
    assert {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR} == set(statuses)
    assert [status for _, status in measured.seen] == statuses


def test_a_slow_version_takes_longer_than_a_user_bears() -> None:
    measured = Measured()
    Shop("1.2", Fault.LATENCY, measured).checkout()
    assert measured.seen[0][0] > SLOW_SECONDS


def test_an_instance_that_is_to_end_says_so_before_it_stops_serving() -> None:
    shop = Shop("1.1", Fault.NONE, Measured())
    with serving(shop) as address:
        assert status_of(address, "/healthz") == 200
        shop.is_draining = True
        assert status_of(address, "/healthz") == 503
        assert status_of(address, ROUTE) == 200
        assert status_of(address, "/elsewhere") == 404


def test_a_well_instance_is_not_killed_by_a_poisoned_order(tmp_path: Path) -> None:
    poison = tmp_path / "poison"
    poison.touch()
    assert Shop("1.1", Fault.NONE, Measured(), poison).checkout() is HTTPStatus.OK


def test_traffic_goes_to_all_places_in_turn_and_is_counted_by_version() -> None:
    tally = Tally()
    shops = [Shop(version, Fault.NONE, Measured()) for version in ("1.0", "1.1")]
    with serving(shops[0]) as first, serving(shops[1]) as second:
        enough = threading.Event()

        def places() -> Sequence[Place]:
            if min(tally.count("1.0").sent, tally.count("1.1").sent) >= 10:
                enough.set()
            return [Place(first, "1.0"), Place(second, "1.1")]

        traffic = Traffic(places, RATE_MAX, tally)
        traffic.start()
        assert enough.wait(20)
        traffic.close()
    counts = [tally.count(version) for version in ("1.0", "1.1")]
    # Workers that were between two requests when it was closed make up the difference.
    assert abs(counts[0].sent - counts[1].sent) <= 9
    assert [count.failed for count in counts] == [0, 0]


def test_a_request_that_nobody_answers_counts_against_the_version_that_should_have() -> None:
    with serving(Shop("1.2", Fault.NONE, Measured())) as address:
        pass
    tally, failed = Tally(), threading.Event()

    def places() -> Sequence[Place]:
        if tally.count("1.2").failed:
            failed.set()
        return [Place(address, "1.2")]

    traffic = Traffic(places, 100.0, tally)
    traffic.start()
    assert failed.wait(20)
    traffic.close()
    assert tally.count("1.2").first_bad_at is not None


def test_slow_answers_are_bad_and_the_first_bad_one_is_remembered() -> None:
    tally = Tally()
    later = AT.replace(second=1)
    tally.add("1.2", AT, 0.005, is_failed=False)
    tally.add("1.2", later, SLOW_SECONDS * 2, is_failed=False)
    tally.add("1.2", later.replace(second=2), 0.005, is_failed=True)
    count = tally.count("1.2")
    assert (count.sent, count.slow, count.failed, count.bad) == (3, 1, 1, 2)
    assert (count.first_at, count.first_bad_at) == (AT, later)


def test_a_version_that_got_no_request_has_empty_counts_and_no_rate() -> None:
    assert Tally().count("1.2").sent == 0
    assert Tally().rates() == {}


@pytest.mark.parametrize("rate", [0.0, -1.0, RATE_MAX + 1])
def test_traffic_without_bounds_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        Traffic(list, rate, Tally())
