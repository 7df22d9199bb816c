"""What comes later labels the release it means: outcomes, aftercare, alerts, incidents, reverts, people."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.gate_state import ClosedHold, GateState
from schemas.approvals import Person, hold_code
from schemas.effects import Effect
from schemas.failures import UNPLACED, Failure, FailurePattern
from schemas.judgements import Recovery, RecoveryKind, Verdict, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.labels import AfterwordTold, Label, LabelKind, Labelled, LabelSource, human_label
from schemas.observations import FailureSeen, ReleaseClosed
from schemas.orders import Command
from schemas.policy import Autonomy, GateSettings, Policy, Rule
from streams import environment_labels
from streams.environment_labels import MOST_RELEASES, MOST_WORDS, LabelState
from tests.builders import a_release, minute, said
from tests.streams.test_aftercare import AFTER, WATCH, a_world, promoted, serve
from tests.streams.world import ENVIRONMENTS, World

DEV, CART = EnvironmentName("dev"), ServiceName("cart")
COMMIT = "9a1c3f0d217b4e55a0c1b2d3e4f5061728394a5b"
DAY = timedelta(days=1)


def labels(heard: list[Effect]) -> list[Label]:
    return [one.label for one in said(heard, Labelled)]


def a_verdict(kind: VerdictKind, at: datetime, ordinal: int = 1) -> Verdict:
    return Verdict(
        id=f"v-{ordinal}",
        release=ReleaseId("dev-cart-2"),
        environment=DEV,
        service=CART,
        version="2",
        ordinal=ordinal,
        kind=kind,
        at=at,
        is_final=True,
        confidence=0.0,
        alpha=0.01,
        reasons=("said",),
    )


def an_alert(name: str, since: datetime, service: str = "cart") -> Failure:
    return Failure(
        id=name,
        pattern=FailurePattern.ALERT,
        environment=DEV,
        service=ServiceName(service),
        target=UNPLACED,
        since=since,
        at=since,
        detail="HighErrorRate",
    )


def known(commit: str = COMMIT, kind: VerdictKind | None = VerdictKind.HEALTHY) -> LabelState:
    """Return a state that knows one release, judged after half an hour."""
    state = LabelState()
    release = replace(a_release().release, commit=commit)
    environment_labels.opened(state, release)
    if kind is not None:
        environment_labels.judged(state, release, a_verdict(kind, minute(30)))
    return state


def reverted(*commits: str, at: datetime, about: str = "c0ffee1") -> AfterwordTold:
    return AfterwordTold(
        environment=DEV,
        source=LabelSource.REVERT,
        about=about,
        by="ann",
        channel="github",
        at=at,
        commits=commits,
    )


def an_incident(at: datetime, about: str = "PINC1") -> AfterwordTold:
    return AfterwordTold(
        environment=DEV,
        source=LabelSource.INCIDENT,
        about=about,
        by="",
        channel="pagerduty",
        at=at,
        service=CART,
    )


def told(state: LabelState, event: AfterwordTold) -> list[Label]:
    gates = GateState(environment=DEV)
    return [one.label for one in environment_labels.afterword_told(state, gates, {}, event, event.at)]


def test_a_release_that_the_service_recovered_from_is_labelled_bad() -> None:
    world = World(Policy(rules={"*/*": Rule(gate=GateSettings(rollback=Autonomy.ALONE))}))
    world.quiet_hour()
    world.put("dev/cart", a_release())
    heard = serve(world, 0, 3, old="abc", new="d", errors=60)

    (order,) = said(heard, Command)
    world.report(order, minute(3))
    after = serve(world, 3, 8, old="abcd")
    (label,) = labels(after)
    assert (label.kind, label.source, label.release) == (LabelKind.BAD, LabelSource.OUTCOME, "dev-cart-2")
    assert said(after, Recovery)[0].id == label.about


@pytest.mark.parametrize("kind", [RecoveryKind.NOT_RECOVERED, RecoveryKind.WORSE])
def test_a_rollback_that_did_not_help_speaks_for_the_release(kind: RecoveryKind) -> None:
    state = known(kind=VerdictKind.HARMFUL)
    environment_labels.undone(state, ReleaseId("dev-cart-2"), minute(31))
    (one,) = environment_labels.recovered(state, a_recovery(kind), minute(41))
    assert (one.label.kind, one.label.source) == (LabelKind.GOOD, LabelSource.OUTCOME)


def test_what_is_not_known_of_a_recovery_labels_nothing() -> None:
    state = known(kind=VerdictKind.HARMFUL)
    assert not list(environment_labels.recovered(state, a_recovery(RecoveryKind.RECOVERED), minute(41)))
    environment_labels.undone(state, ReleaseId("dev-cart-2"), minute(31))
    assert not list(environment_labels.recovered(state, a_recovery(RecoveryKind.UNKNOWN), minute(41)))


def test_a_quiet_aftercare_labels_a_release_good_and_weakly() -> None:
    world = a_world()
    promoted(world)
    heard = serve(world, WATCH, WATCH + AFTER + 2, new="abcd")
    assert said(heard, ReleaseClosed)
    (label,) = labels(heard)
    assert (label.kind, label.source) == (LabelKind.GOOD, LabelSource.AFTERCARE)
    assert label.trust < 0.7


def test_a_release_that_was_superseded_in_its_aftercare_was_not_seen_to_its_end() -> None:
    world = a_world()
    promoted(world)
    heard = world.put("dev/cart", a_release(version="3", at=minute(WATCH + 5), template="2c2c2c"))
    assert said(heard, ReleaseClosed)
    assert labels(heard) == []


def test_an_alert_after_a_healthy_release_speaks_against_it_and_the_later_the_less() -> None:
    trusts = []
    for late in (35, 150, 600):
        (one,) = environment_labels.alerted(known(), an_alert("a", minute(late)), minute(late))
        assert (one.label.kind, one.label.source) == (LabelKind.BAD, LabelSource.ALERT)
        trusts.append(one.label.trust)
    assert trusts == sorted(trusts, reverse=True)
    assert trusts[0] > trusts[-1] > 0.5


@pytest.mark.parametrize(
    ("state", "alert"),
    [
        pytest.param(known(), an_alert("a", minute(29)), id="it began before the healthy end"),
        pytest.param(known(), an_alert("a", minute(30) + 2 * DAY), id="it comes two days later"),
        pytest.param(known(), an_alert("a", minute(40), "payments"), id="it is another service's"),
        pytest.param(known(kind=None), an_alert("a", minute(40)), id="the release is under watch"),
        pytest.param(
            known(kind=VerdictKind.HARMFUL), an_alert("a", minute(40)), id="the judge knows already"
        ),
    ],
)
def test_other_alerts_say_nothing_of_a_release(state: LabelState, alert: Failure) -> None:
    assert not list(environment_labels.alerted(state, alert, alert.since))


def test_an_alert_is_the_newest_releases_and_says_so_once() -> None:
    world = a_world()
    promoted(world)
    alert = FailureSeen(failure=an_alert("alert-1", minute(WATCH + 3)))
    (label,) = labels(world.put("dev", alert, ENVIRONMENTS))
    assert label.about == "alert-1"
    assert labels(world.put("dev", alert, ENVIRONMENTS)) == []
    world.put("dev/cart", a_release(version="3", at=minute(WATCH + 5), template="2c2c2c"))
    later = FailureSeen(failure=an_alert("alert-2", minute(WATCH + 6)))
    assert labels(world.put("dev", later, ENVIRONMENTS)) == []


@pytest.mark.parametrize("commit", [COMMIT, COMMIT[:7], COMMIT.upper()])
def test_a_revert_finds_its_release_by_the_commit_however_it_is_written(commit: str) -> None:
    (label,) = told(known(), reverted("0" * 40, commit, at=minute(200)))
    assert (label.kind, label.source, label.by) == (LabelKind.BAD, LabelSource.REVERT, "ann via github")


@pytest.mark.parametrize(
    ("state", "event"),
    [
        pytest.param(known(), reverted("0" * 40, at=minute(200)), id="of another commit"),
        pytest.param(known(), reverted(COMMIT[:6], at=minute(200)), id="too few digits"),
        pytest.param(
            known(commit=""), reverted(COMMIT, at=minute(200)), id="the release's commit is unknown"
        ),
        pytest.param(known(), reverted(COMMIT, at=minute(0) + 20 * DAY), id="weeks later"),
    ],
)
def test_other_reverts_say_nothing(state: LabelState, event: AfterwordTold) -> None:
    assert told(state, event) == []


def test_every_release_of_a_reverted_commit_is_labelled() -> None:
    state = known()
    other = replace(a_release(service="payments").release, commit=COMMIT)
    environment_labels.opened(state, other)
    assert [label.service for label in told(state, reverted(COMMIT, at=minute(90)))] == ["cart", "payments"]


def test_a_revert_that_follows_our_own_rollback_says_no_more_than_that_did() -> None:
    state = known(kind=VerdictKind.HARMFUL)
    environment_labels.undone(state, ReleaseId("dev-cart-2"), minute(31))
    assert told(state, reverted(COMMIT, at=minute(40))) == []


def a_note(code: str, by: str = "PXPGF42") -> AfterwordTold:
    return AfterwordTold(
        environment=DEV,
        source=LabelSource.HUMAN,
        about="E1",
        by=by,
        channel="pagerduty",
        at=minute(50),
        kind=LabelKind.HARMLESS,
        code=code,
        why="the shop was closed",
    )


def test_a_note_with_a_questions_code_labels_its_release_whether_it_is_open_or_over() -> None:
    gates, people = GateState(environment=DEV), {"ada": Person(pagerduty="PXPGF42")}
    gates.closed["h-1"] = ClosedHold(
        service=CART, release=ReleaseId("dev-cart-2"), end="rejected", at=minute(40)
    )
    event = a_note(hold_code("h-1"))
    state = LabelState()
    (one,) = environment_labels.afterword_told(state, gates, people, event, minute(50))
    label = one.label
    assert (label.release, label.kind, label.by) == ("dev-cart-2", LabelKind.HARMLESS, "ada via pagerduty")
    assert not list(environment_labels.afterword_told(state, gates, people, event, minute(51)))
    other = a_note("000000")
    assert not list(environment_labels.afterword_told(LabelState(), gates, people, other, minute(50)))


@pytest.mark.parametrize(
    "changes",
    [
        {"source": LabelSource.ALERT},
        {"commits": ()},
        {"service": CART},
        {"commits": (COMMIT,) * 51},
    ],
)
def test_an_afterword_goes_by_exactly_what_its_source_goes_by(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(reverted(COMMIT, at=minute(1)), **changes)  # type: ignore[arg-type]  # what is refused


def test_harm_that_is_told_twice_is_said_once() -> None:
    world = a_world()
    promoted(world)
    event = an_incident(minute(WATCH + 3))
    (label,) = labels(world.put("dev", event, ENVIRONMENTS))
    assert (label.source, label.about) == (LabelSource.INCIDENT, "PINC1")
    assert labels(world.put("dev", event, ENVIRONMENTS)) == []


def test_a_persons_word_is_passed_on_once_until_they_change_their_mind() -> None:
    world = World()
    heard: list[Label] = []
    for kind in (LabelKind.BAD, LabelKind.BAD, LabelKind.GOOD, LabelKind.BAD):
        heard += labels(world.put("dev", Labelled(label=a_word(kind, "ann")), ENVIRONMENTS))
    assert [label.kind for label in heard] == [LabelKind.BAD, LabelKind.GOOD, LabelKind.BAD]


@given(words=st.lists(st.tuples(st.sampled_from(LabelKind), st.sampled_from(["ann", "bob"])), max_size=12))
def test_what_is_passed_on_never_repeats_what_the_same_person_said_last(
    words: list[tuple[LabelKind, str]],
) -> None:
    state = LabelState()
    last: dict[str, LabelKind] = {}
    for kind, by in words:
        told = list(environment_labels.labelled(state, Labelled(label=a_word(kind, by))))
        assert bool(told) == (last.get(by) is not kind)
        last[by] = kind


def test_what_is_remembered_is_bounded() -> None:
    state = LabelState()
    for number in range(MOST_RELEASES + 20):
        environment_labels.opened(state, a_release(version=str(number)).release)
    assert len(state.releases) == MOST_RELEASES
    assert f"dev-cart-{MOST_RELEASES + 19}" in state.releases
    for number in range(MOST_WORDS + 20):
        list(environment_labels.labelled(state, Labelled(label=a_word(LabelKind.BAD, str(number)))))
    assert len(state.words) == MOST_WORDS


def a_word(kind: LabelKind, by: str) -> Label:
    return human_label(
        release=ReleaseId("dev-cart-2"), environment=DEV, service=CART, kind=kind, by=by, at=minute(50)
    )


def a_recovery(kind: RecoveryKind) -> Recovery:
    return Recovery(
        id="r-1",
        command="c-1",
        release=ReleaseId("dev-cart-2"),
        environment=DEV,
        service=CART,
        kind=kind,
        at=minute(41),
        text="errors as before",
    )
