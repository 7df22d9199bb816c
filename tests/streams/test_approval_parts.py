"""Which sinks ask people, how long what failed is left alone, and what is kept listening."""

from __future__ import annotations

import threading
from datetime import timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import PermanentActionError, TransientActionError
from schemas.errors import SettingsError
from streams.approval_hosting import approval_sinks
from streams.approval_pauses import Pauses
from streams.approval_settings import read_approval_pace
from streams.approval_socket import Listener
from streams.settings import read_settings
from tests.streams.talking import Clock

PAGERDUTY = {
    "SUTURE_PAGERDUTY_TOKEN": "u+aaaaaaaaaaaaaaaaaaaa",
    "SUTURE_PAGERDUTY_FROM": "suture@example.com",
    "SUTURE_PAGERDUTY_SERVICE": "PSERVCE",
}
SLACK = {"SUTURE_SLACK_TOKEN": "xoxb-1-aaaaaaaaaa", "SUTURE_SLACK_CHANNELS": "*=C0123ABC"}


@pytest.mark.parametrize(
    ("given_", "sinks"),
    [
        ({}, set()),
        (PAGERDUTY, {"pagerduty", "answers"}),
        (SLACK, {"slack", "answers"}),
        (PAGERDUTY | SLACK, {"pagerduty", "slack", "answers"}),
        ({"SUTURE_PAGERDUTY_ROUTING_KEY": "0123456789abcdef0123456789abcdef"}, {"pagerduty"}),
    ],
)
def test_each_channel_that_is_configured_has_a_sink_and_all_share_one_for_answers(
    given_: dict[str, str], sinks: set[str]
) -> None:
    assert approval_sinks(read_settings(given_)).keys() == sinks


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "86401", "soon"])
def test_a_pace_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="SUTURE_APPROVAL_POLL_SECONDS is"):
        read_approval_pace({"SUTURE_APPROVAL_POLL_SECONDS": text})


@given(st.integers(1, 40), st.floats(0, 1e5))
def test_a_pause_grows_to_a_minute_unless_the_other_side_asks_for_more(failures: int, asked: float) -> None:
    clock = Clock()
    pauses = Pauses(clock)
    for number in range(failures):
        pauses.failed("it", TransientActionError("503", asked if number == failures - 1 else None))
    own = min(2 ** min(failures - 1, 9), 60)
    pause = timedelta(seconds=max(own, min(asked, 600.0)))
    clock.at += pause - timedelta(milliseconds=1)
    assert pauses.holds("it")
    assert not pauses.holds("another")
    clock.at += timedelta(milliseconds=1)
    assert not pauses.holds("it")
    assert pauses.is_any
    pauses.succeeded("it")
    assert not pauses.is_any


class Heard:
    """Something that listens, and how often it began."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.count = 0
        self.fails = False

    def run(self, stop: Event) -> None:
        """Listen until told to stop."""
        self.count += 1
        self.began.release()
        try:
            if self.fails:
                raise PermanentActionError("switched off")
            while not stop.is_set():
                stop.wait(0.01)
        finally:
            self.ended.release()


def test_a_listener_ends_with_the_thread_that_looks_after_it() -> None:
    heard = Heard()
    owner = threading.Thread(target=Listener("listener", heard.run, Clock()).tend)
    owner.start()
    assert heard.began.acquire(timeout=30)
    owner.join()
    assert heard.ended.acquire(timeout=30)


def test_a_listener_that_ended_begins_again_after_a_while() -> None:
    heard, clock = Heard(), Clock()
    heard.fails = True
    listener = Listener("listener", heard.run, clock)
    listener.tend()
    assert heard.ended.acquire(timeout=30)
    for thread in [one for one in threading.enumerate() if one.name == "listener"]:
        thread.join(30)
    listener.tend()
    clock.wait(seconds=59)
    listener.tend()
    assert heard.count == 1
    clock.wait(seconds=1)
    listener.tend()
    assert heard.began.acquire(timeout=30)
    assert heard.began.acquire(timeout=30)
    assert heard.count == 2
