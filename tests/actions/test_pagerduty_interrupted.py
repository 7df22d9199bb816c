"""A conversation in PagerDuty that breaks off anywhere and is taken up again ends as one that never did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.errors import TransientActionError
from actions.people.channel import Thread
from actions.people.pagerduty import PagerDutyChannel
from infra.dev.pagerduty_server import Fault, PagerDuty
from schemas.approvals import HoldChange
from schemas.keys import CommandId
from schemas.orders import Held
from tests.actions.pagerduty_site import a_channel, pagerduty
from tests.actions.slack_stories import a_hold, a_recovery, an_outcome, changed

__all__ = ["pagerduty"]

Step = Callable[[PagerDutyChannel, Thread, Held], None]

_OPEN = (HoldChange.AGREED, HoldChange.ESCALATED, HoldChange.HANDED_OVER, HoldChange.NOT_COUNTED)
_ENDS = (HoldChange.REJECTED, HoldChange.WITHDRAWN, HoldChange.EXPIRED)


def _change(kind: HoldChange) -> Step:
    return lambda channel, thread, held: channel.change(thread, held, changed(held, kind, kind, to=("bob",)))


def _end(kind: HoldChange) -> Step:
    return lambda channel, thread, held: channel.end(thread, held, changed(held, kind, kind))


def _outcome(channel: PagerDutyChannel, thread: Thread, held: Held) -> None:
    channel.outcome(thread, held, an_outcome(held), a_recovery(held))


granted: list[Step] = [_end(HoldChange.GRANTED), _outcome]
stories = st.builds(
    lambda changes, ends: [*map(_change, changes), *ends],
    st.lists(st.sampled_from(_OPEN), max_size=3, unique=True),
    st.one_of(st.just(granted), st.sampled_from(_ENDS).map(lambda kind: [_end(kind)])),
)
places = st.sampled_from(
    (
        ("", ""),
        ("POST", "/incidents$"),
        ("POST", "/notes$"),
        ("PUT", "/values$"),
        ("PUT", r"/incidents/PINC\d+$"),
    )
)
# What is answered 429 was not taken; anything else may have been.
breaks = st.lists(
    st.one_of(
        st.none(),
        st.just(Fault(status=429)),
        st.just(Fault(status=429, headers={"ratelimit-reset": "60"})),
        st.builds(
            lambda status, is_done, place: Fault(
                status=status, is_done=is_done, method=place[0], path=place[1]
            ),
            st.sampled_from((0, 500, 503, 408)),
            st.booleans(),
            places,
        ),
    ),
    min_size=8,
    max_size=25,
)


def state_of(server: PagerDuty, key: str) -> Any:
    incidents = [one for one in server.account.incidents.values() if one.key == key]
    return [
        (
            one.title,
            one.status,
            one.details,
            one.values,
            one.assignees,
            [note["content"] for note in one.notes],
        )
        for one in incidents
    ]


def told(server: PagerDuty, held: Held, story: list[Step], faults: list[Fault | None]) -> Any:
    """Tell a story while requests fail one after the other; a process that fails is followed by a new one."""
    channel = a_channel(server)
    waiting = iter(faults)

    def until_done(step: Callable[[], Thread | None]) -> Thread | None:
        while True:
            fault = next(waiting, None)
            server.faults = [fault] if fault else []
            try:
                return step()
            except TransientActionError:
                continue

    thread = until_done(partial(channel.ask, held))
    assert thread is not None
    for step in story:
        until_done(partial(step, a_channel(server), thread, held))
    server.faults = []
    assert held.command is not None
    return state_of(server, held.command.id)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, faults=breaks, number=st.integers(0, 2**64))
def test_however_requests_fail_the_incident_ends_the_same(
    pagerduty: PagerDuty, story: list[Step], faults: list[Fault | None], number: int
) -> None:
    held = a_hold()
    assert held.command is not None
    smooth = replace(held, command=replace(held.command, id=CommandId(f"smooth{number}")))
    rough = replace(held, command=replace(held.command, id=CommandId(f"rough{number}")))
    pagerduty.account.incidents.clear()
    expected = told(pagerduty, smooth, story, [])
    assert told(pagerduty, rough, story, faults) == expected
    assert len(expected) == 1
