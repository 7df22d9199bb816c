"""What the gateway tells of releases and holds, as the public topics tell it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.judgements import VerdictKind
from schemas.keys import CommandId, EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.observations import ReleaseStarted
from schemas.orders import Command, CommandKind, Denied, Guard, Held, Outcome, OutcomeKind
from schemas.releases import Release
from streams.gateway import create_app
from streams.release_board import Fact, ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from tests.actions.orders import MINUTE, NOW, a_command, a_decision, a_release, a_verdict
from tests.streams.gateway_socket import Nowhere

RELEASE = replace(a_release("r1", started_at=NOW), version="refs/tags/2")
START = ReleaseStarted(release=RELEASE)
HARM = a_verdict(RELEASE, VerdictKind.HARMFUL)
DECIDED = a_decision(RELEASE, VerdictKind.HARMFUL)


def a_hold(name: str = "h1", release: Release = RELEASE, **more: Any) -> Held:
    hold = Held(
        id=name,
        decision=DECIDED.id,
        release=release.id,
        environment=release.environment,
        service=release.service,
        guard=Guard.APPROVAL,
        reason="rollback needs a human",
        at=NOW + MINUTE,
        expires_at=NOW + 31 * MINUTE,
        command=an_order(name, release),
    )
    return replace(hold, **more)


def an_order(name: str = "h1", release: Release = RELEASE, issued_at: datetime = NOW + MINUTE) -> Command:
    order = a_command(name=f"command of {name}", issued_at=issued_at)
    return replace(order, release=release.id, decision=DECIDED.id)


def the_denial(hold: Held, guard: Guard, at: datetime = NOW + 2 * MINUTE) -> Denied:
    return Denied(
        id=derived_id("denied", hold.id),
        decision=hold.decision,
        release=hold.release,
        environment=hold.environment,
        service=hold.service,
        guard=guard,
        reason=f"{guard} it was",
        at=at,
    )


def an_outcome(kind: OutcomeKind = OutcomeKind.DONE) -> Outcome:
    order = an_order()
    return Outcome(
        id="o1",
        command=order.id,
        kind=kind,
        command_kind=CommandKind.UNDO,
        release=RELEASE.id,
        environment=RELEASE.environment,
        service=RELEASE.service,
        target=order.target,
        started_at=NOW,
        at=NOW + 3 * MINUTE,
        detail="template 1b -> 0a",
        log_tail=("a Job's own words",),
    )


def knowing(*facts: Fact, now: datetime = NOW + 5 * MINUTE, is_current: bool = True) -> ReleaseVerdicts:
    held = ReleaseVerdicts(board=ReleaseBoard(now=lambda: now))
    held.is_current = is_current
    for fact in facts:
        held.learn(fact)
    return held


APP_OF: dict[int, tuple[ReleaseVerdicts, Any]] = {}


def ask(held: ReleaseVerdicts, path: str, **parameters: str) -> httpx.Response:
    async def work() -> httpx.Response:
        # An application takes longer to make than to ask; one stands here, for the one that is asked again.
        if id(held) not in APP_OF:
            APP_OF.clear()
            APP_OF[id(held)] = (held, create_app(Nowhere(), verdicts=held))
        transport = httpx.ASGITransport(app=APP_OF[id(held)][1])
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.get(path, params=parameters)

    return asyncio.run(work())


ONE = "/v1/releases/prod/cart/refs%2Ftags%2F2"


def test_all_that_is_known_of_a_release_is_told() -> None:
    told = ask(knowing(START, HARM, DECIDED, a_hold(), an_order(), an_outcome()), ONE).json()
    assert (told["release"], told["version"], told["template"]) == ("r1", "refs/tags/2", RELEASE.template)
    assert (told["verdict"]["verdict"], told["verdict"]["is_final"]) == ("harmful", True)
    assert (told["decision"]["playbook"], told["decision"]["denied_by"]) == ("rollback", "")
    assert told["decision"]["why"] == DECIDED.why
    assert told["holds"] == []
    (outcome,) = told["outcomes"]
    assert (outcome["how"], outcome["what"], outcome["detail"]) == ("done", "undo", "template 1b -> 0a")
    assert outcome["target"] == {
        "kind": "processes",
        "cluster": "default",
        "namespace": "shop",
        "workload": "cart",
    }


def test_the_last_lines_of_a_job_are_not_told() -> None:
    answer = ask(knowing(START, an_outcome()), ONE)
    assert "own words" not in answer.text


def test_what_waits_for_a_human_is_told_with_what_approval_would_do() -> None:
    held = knowing(START, HARM, DECIDED, a_hold())
    for holds in (ask(held, ONE).json()["holds"], ask(held, "/v1/holds").json()["holds"]):
        (hold,) = holds
        assert (hold["id"], hold["guard"], hold["command"]) == ("h1", "approval", "undo")
        assert (hold["expires_at"], hold["target"]["workload"]) == ("2026-11-01T03:31:00Z", "cart")
    assert ask(held, "/v1/releases").json()["releases"][0]["open_holds"] == 1
    assert ask(held, "/v1/holds", environment="dev").json() == {"holds": []}
    assert ask(held, "/v1/holds", environment="prod", service="cart").json()["holds"][0]["id"] == "h1"


HOLD = a_hold()
APPROVED = an_order(issued_at=NOW + 2 * MINUTE)


@pytest.mark.parametrize(
    ("later", "is_open"),
    [
        ((), True),
        ((APPROVED,), False),
        ((the_denial(HOLD, Guard.REJECTED),), False),
        ((the_denial(HOLD, Guard.EXPIRED),), False),
        ((the_denial(HOLD, Guard.SUPERSEDED),), False),
        ((replace(APPROVED, id=CommandId("another")),), True),
        ((replace(APPROVED, issued_at=NOW),), True),
        ((replace(the_denial(HOLD, Guard.BUDGET), id="another"),), True),
        ((the_denial(HOLD, Guard.SUPERSEDED), a_hold("h2", at=NOW + 3 * MINUTE)), True),
    ],
)
def test_a_hold_is_open_until_it_is_answered_expired_or_withdrawn(
    later: tuple[Fact, ...], is_open: bool
) -> None:
    held = knowing(START, HARM, DECIDED, HOLD, *later)
    assert bool(ask(held, "/v1/holds").json()["holds"]) is is_open


def test_a_hold_whose_time_is_over_is_not_open_although_nobody_said_so_yet() -> None:
    assert not ask(knowing(START, HOLD, now=NOW + 31 * MINUTE), "/v1/holds").json()["holds"]


def test_what_holds_without_anything_to_approve_waits_for_nobody() -> None:
    in_vain = a_hold(command=None, expires_at=None, guard=Guard.NO_TARGET)
    assert not ask(knowing(START, in_vain), "/v1/holds").json()["holds"]


def test_a_hold_about_no_release_that_is_known_is_told_all_the_same() -> None:
    assert ask(knowing(HOLD), "/v1/holds").json()["holds"][0]["release"] == "r1"


def test_why_a_decision_was_not_carried_out_is_told_until_it_is() -> None:
    denied = the_denial(HOLD, Guard.REJECTED)
    told = ask(knowing(START, HARM, DECIDED, HOLD, denied), ONE).json()
    assert (told["decision"]["denied_by"], told["decision"]["denied_because"]) == (
        "rejected",
        "rejected it was",
    )
    assert told["verdict"]["refusal"] == "rejected it was"
    later = an_order("by hand", issued_at=NOW + 4 * MINUTE)
    told = ask(knowing(START, HARM, DECIDED, HOLD, denied, later), ONE).json()
    assert (told["decision"]["denied_by"], told["verdict"]["refusal"]) == ("", "")


def test_whether_the_policy_has_spoken_about_the_newest_verdict_is_told() -> None:
    def is_decided(*facts: Fact) -> bool:
        told: bool = ask(knowing(START, HARM, *facts), f"{ONE}/verdict").json()["is_decided"]
        return told

    asking = replace(DECIDED, needs_approval=True)
    assert not is_decided()
    assert is_decided(DECIDED)
    assert not is_decided(asking)
    assert is_decided(asking, HOLD)
    assert not is_decided(replace(DECIDED, verdict="an earlier one"))


def test_an_earlier_deploy_of_a_version_can_be_asked_for_by_its_id() -> None:
    again = ReleaseStarted(release=replace(RELEASE, id=ReleaseId("r2"), started_at=NOW + timedelta(hours=1)))
    held = knowing(START, HARM, again)
    assert ask(held, ONE).json()["release"] == "r2"
    assert ask(held, ONE, release="r1").json()["verdict"]["verdict"] == "harmful"
    for wrong in (ask(held, ONE, release="r9"), ask(held, "/v1/releases/prod/cart/3", release="r1")):
        assert wrong.status_code == 404


def test_what_nobody_deployed_is_not_found_and_what_cannot_be_a_name_is_refused() -> None:
    assert ask(knowing(), ONE).status_code == 404
    for path in ("/v1/releases/%20/cart/2", "/v1/releases/prod/cart/", "/v1/releases/prod/cart/%01"):
        assert ask(knowing(), path).status_code == 400


@pytest.mark.parametrize("path", ["/v1/releases", "/v1/holds", ONE])
def test_half_of_the_truth_is_not_told(path: str) -> None:
    answer = ask(knowing(START, is_current=False), path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    "wrong", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"before": "yesterday"}, {"before": "~r1"}]
)
def test_a_page_that_cannot_be_is_refused_with_a_sentence(wrong: dict[str, str]) -> None:
    answer = ask(knowing(), "/v1/releases", **wrong)
    assert (answer.status_code, next(iter(wrong)) in answer.json()["error"]) == (400, True)


some_releases = st.lists(
    st.builds(
        lambda name, minutes, service, environment: replace(
            a_release(f"r{name}", service, started_at=NOW + minutes * MINUTE),
            environment=EnvironmentName(environment),
        ),
        name=st.integers(0, 30),
        minutes=st.integers(0, 4),
        service=st.sampled_from(["cart", "shop"]),
        environment=st.sampled_from(["prod", "dev"]),
    ),
    unique_by=lambda release: release.id,
    max_size=12,
)


@settings(deadline=None, max_examples=30)
@given(some_releases, st.integers(1, 5), st.sampled_from(["", "prod"]), st.sampled_from(["", "cart"]))
def test_page_by_page_every_release_comes_once_and_newest_first(
    releases: list[Release], limit: int, environment: str, service: str
) -> None:
    held = knowing(*(ReleaseStarted(release=one) for one in releases))
    found: list[tuple[str, str]] = []
    before, pages = "", 0
    while pages == 0 or before:
        asked = {"environment": environment, "service": service, "limit": str(limit), "before": before}
        page = ask(held, "/v1/releases", **asked).json()
        assert len(page["releases"]) <= limit
        found += [(one["started_at"], one["release"]) for one in page["releases"]]
        before, pages = page["next"], pages + 1
    wanted = {
        one.id for one in releases if environment in ("", one.environment) and service in ("", one.service)
    }
    assert found == sorted(found, reverse=True)
    assert len(found) == len(wanted)
    assert {name for _, name in found} == wanted


def test_what_began_before_an_instant_can_be_asked_for() -> None:
    early, late = a_release("r1", started_at=NOW), a_release("r2", started_at=NOW + MINUTE, version="3")
    held = knowing(*(ReleaseStarted(release=one) for one in (early, late)))
    instant = (NOW + MINUTE).astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert [one["release"] for one in ask(held, "/v1/releases", before=instant).json()["releases"]] == ["r1"]


facts = st.lists(
    st.sampled_from(
        [
            START,
            HARM,
            DECIDED,
            HOLD,
            the_denial(HOLD, Guard.REJECTED),
            a_hold("h2", at=NOW + 3 * MINUTE),
            an_outcome(),
        ]
    ),
    max_size=7,
    unique=True,
)


@settings(deadline=None, max_examples=30)
@given(facts)
def test_reading_the_topics_from_their_beginning_again_changes_nothing_that_is_told(log: list[Fact]) -> None:
    # Causes come first, as the reader gives them.
    order: list[Fact] = [START, HARM, DECIDED, HOLD]
    log = [fact for fact in order if fact in log] + [fact for fact in log if fact not in order]
    once, twice = knowing(*log), knowing(*log, *log)
    assert ask(once, "/v1/holds").json() == ask(twice, "/v1/holds").json()
    assert ask(once, ONE).json() == ask(twice, ONE).json()


def test_no_more_releases_are_remembered_than_fit_and_what_is_forgotten_is_gone_everywhere() -> None:
    board = ReleaseBoard(most=2)
    for number in range(3):
        release = replace(RELEASE, id=ReleaseId(f"r{number}"), version=str(number))
        board.learn(ReleaseStarted(release=release))
    assert [one.release.id for one in board.newest_first()] == ["r2", "r1"]
    assert board.find(ReleaseId("r0")) is None
    assert board.of_version(EnvironmentName("prod"), ServiceName("cart"), "0") is None
