from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from actions.policy_file import parse_policy
from schemas.effects import Said
from schemas.judgements import Evidence, Recovery, RecoveryKind, Side, Suspicion, Verdict, VerdictKind
from schemas.keys import (
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    SignalName,
    TemplateHash,
)
from schemas.observations import OutcomeReported, VerdictReached
from schemas.orders import Command, CommandKind, Guard, Held, Outcome, OutcomeKind
from schemas.policy import Autonomy
from schemas.releases import Release, Target, TargetKind
from streams.demo.ending import facts
from streams.demo.fault import Fault
from streams.demo.heard import Story
from streams.demo.narrator import Narrator
from streams.demo.plain import PlainShow
from streams.demo.policies import policy_text
from streams.demo.scene import Act, OnTrial, Scene
from streams.demo.screen import picture
from streams.demo.stage import Announced, Stage
from streams.demo.story import BAD, GOOD, Ending, Plan, phases, play
from streams.demo.waiting import Patience, StoppedError

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEV, SHOP = EnvironmentName("dev"), ServiceName("shop")
TARGET = Target(kind=TargetKind.PROCESSES, cluster="default", namespace="demo", workload="shop")
PLAN = Plan(baseline_s=0.0, watch_s=0.3, settle_s=0.0, slack_s=0.0, recovery_s=0.3)


def release_of(version: str) -> ReleaseId:
    return ReleaseId(f"dev-shop-{version}")


def template_of(version: str) -> TemplateHash:
    return TemplateHash(f"template{version.replace('.', '')}")


def evidence(version: str, log_e: float, signal: str = "errors") -> Evidence:
    side = Side(pods=1, intervals=5, exposure=100.0, level=0.3)
    return Evidence(
        id=f"{signal}{log_e}",
        release=release_of(version),
        signal=SignalName(signal),
        detector="beta-binomial",
        at=AT,
        canary=side,
        control=side,
        log_e=log_e,
        threshold_log_e=5.7,
        margin=0.005,
        comparison="stable pods",
        join="template",
        text="errors 30 % of 100",
    )


def verdict(version: str, kind: VerdictKind, *, is_final: bool = False) -> VerdictReached:
    release = Release(id=release_of(version), environment=DEV, service=SHOP, version=version, started_at=AT)
    return VerdictReached(
        verdict=Verdict(
            id=f"verdict {version} {kind}",
            release=release.id,
            environment=DEV,
            service=SHOP,
            version=version,
            ordinal=1,
            kind=kind,
            at=AT,
            is_final=is_final,
            confidence=0.999 if kind is VerdictKind.HARMFUL else 0.0,
            alpha=0.01,
            reasons=("errors 30 % of 100",),
        ),
        suspicion=Suspicion(release=release.id, service=SHOP, environment=DEV, at=AT, started_at=AT),
        release=release,
    )


def command(version: str, kind: CommandKind, to: str) -> Command:
    return Command(
        id=CommandId(f"{kind} {version}"),
        kind=kind,
        decision=DecisionId("d"),
        release=release_of(version),
        environment=DEV,
        service=SHOP,
        target=TARGET,
        template=template_of(to),
        expected_template=template_of(version),
        issued_at=AT,
        expires_at=AT + timedelta(minutes=1),
    )


def outcome(version: str, kind: CommandKind, to: str, how: OutcomeKind = OutcomeKind.DONE) -> OutcomeReported:
    return OutcomeReported(
        outcome=Outcome(
            id=f"outcome {kind} {version}",
            command=CommandId(f"{kind} {version}"),
            kind=how,
            command_kind=kind,
            release=release_of(version),
            environment=DEV,
            service=SHOP,
            target=TARGET,
            started_at=AT,
            at=AT + timedelta(seconds=8),
            detail="changed",
            template_before=template_of(version),
            template_after=template_of(to),
        )
    )


def recovery(version: str, kind: RecoveryKind) -> Recovery:
    return Recovery(
        id=f"recovery {version}",
        command="c",
        release=release_of(version),
        environment=DEV,
        service=SHOP,
        kind=kind,
        at=AT,
        text="errors 0 now",
    )


def held(version: str) -> Held:
    return Held(
        id=f"hold {version}",
        decision=DecisionId("d"),
        release=release_of(version),
        environment=DEV,
        service=SHOP,
        guard=Guard.BUDGET,
        reason="3 rollbacks within 1:00:00, budget is 2",
        at=AT,
    )


def promoted(version: str) -> tuple[Said, ...]:
    return (
        verdict(version, VerdictKind.HEALTHY, is_final=True),
        command(version, CommandKind.PROMOTE, version),
        outcome(version, CommandKind.PROMOTE, version),
    )


def undone(version: str, to: str = GOOD) -> tuple[Said, ...]:
    return (
        evidence(version, 14.2),
        verdict(version, VerdictKind.HARMFUL),
        command(version, CommandKind.UNDO, to),
        outcome(version, CommandKind.UNDO, to),
    )


@dataclass
class ScriptedWorld:
    """A world in which Suture says what a script holds, and the instances follow its outcomes."""

    script: dict[str, tuple[Said, ...]]
    stories: dict[ReleaseId, Story] = field(default_factory=dict)
    serving: str = "1.0"
    released: list[tuple[str, Fault]] = field(default_factory=list)

    def release(self, version: str, fault: Fault) -> Announced:
        self.released.append((version, fault))
        story = self.story(release_of(version))
        for said in self.script.get(version, ()):
            story.hear(said)
        if story.has_done(CommandKind.PROMOTE):
            self.serving = version
        return Announced(
            release=release_of(version),
            version=version,
            command="suture ci deploy",
            template=template_of(version),
        )

    def story(self, release: ReleaseId) -> Story:
        return self.stories.setdefault(release, Story())

    def running(self) -> dict[str, int]:
        return {self.serving: 4}

    def is_all_on(self, version: str) -> bool:
        return self.serving == version


def played(script: dict[str, tuple[Said, ...]], fault: Fault = Fault.ERRORS) -> tuple[Ending, Scene]:
    world = ScriptedWorld(script)
    scene = Scene(phases(PLAN, fault))
    patience = Patience(threading.Event(), time.monotonic() + 60.0, scene.listen)
    ending = play(Stage(world=world, scene=scene, ear=world, patience=patience), PLAN, fault)
    return ending, scene


def test_a_promoted_release_and_a_recovered_rollback_are_a_good_ending() -> None:
    script = {GOOD: promoted(GOOD), BAD: (*undone(BAD), recovery(BAD, RecoveryKind.RECOVERED))}
    ending, scene = played(script)
    assert ending.problems == []
    assert [fate.is_undone for fate in ending.fates] == [False, True]
    assert any("judge: recovered" in event.text for event in scene.events)


def test_two_promoted_releases_are_a_good_ending_without_a_fault() -> None:
    ending, _ = played({GOOD: promoted(GOOD), BAD: promoted(BAD)}, Fault.NONE)
    assert ending.problems == []
    assert not any(fate.is_undone for fate in ending.fates)


@pytest.mark.parametrize(
    ("script", "fault", "expected"),
    [
        (
            {GOOD: undone(GOOD, "1.0")},
            Fault.ERRORS,
            "1.1 is good and was rolled back: judged harmful: errors 30 %",
        ),
        ({GOOD: ()}, Fault.ERRORS, "1.1 is good and was not promoted: nothing was said of it"),
        ({GOOD: (held(GOOD),)}, Fault.ERRORS, "1.1 is good and was not promoted: 3 rollbacks"),
        ({GOOD: promoted(GOOD), BAD: promoted(BAD)}, Fault.LATENCY, "was not rolled back: judged healthy"),
        ({GOOD: promoted(GOOD)}, Fault.CRASH, "1.2 crashes after some seconds of traffic, again"),
        ({GOOD: promoted(GOOD), BAD: (held(BAD),)}, Fault.SILENT, "was not rolled back: 3 rollbacks"),
        ({GOOD: promoted(GOOD), BAD: undone(BAD)}, Fault.ERRORS, "recovery was not confirmed"),
        (
            {GOOD: promoted(GOOD), BAD: (*undone(BAD), recovery(BAD, RecoveryKind.WORSE))},
            Fault.ERRORS,
            "after the rollback the judge says worse",
        ),
        ({GOOD: promoted(GOOD), BAD: undone(BAD)}, Fault.NONE, "1.2 is good and was rolled back"),
    ],
)
def test_whatever_should_have_happened_and_did_not_is_named(
    script: dict[str, tuple[Said, ...]], fault: Fault, expected: str
) -> None:
    ending, _ = played(script, fault)
    (problem,) = ending.problems
    assert expected in problem


def test_a_failed_undo_is_no_rollback() -> None:
    failed = outcome(BAD, CommandKind.UNDO, BAD, OutcomeKind.FAILED)
    ending, _ = played({GOOD: promoted(GOOD), BAD: (verdict(BAD, VerdictKind.HARMFUL), failed)})
    assert ending.problems == [
        "1.2 fails three of ten requests and was not rolled back: the executor failed it: changed"
    ]


def test_whoever_asks_to_stop_is_heard_while_something_is_waited_for() -> None:
    stop = threading.Event()
    stop.set()
    patience = Patience(stop, time.monotonic() + 60.0, lambda: None)
    with pytest.raises(StoppedError):
        patience.until(lambda: False, "nothing")


def told(story: Story, narrator: Narrator) -> list[str]:
    return list(narrator.news(story))


def test_the_narrator_tells_each_thing_once_and_in_order() -> None:
    story, narrator = Story(), Narrator(BAD)
    for said in undone(BAD):
        story.hear(said)
    first = told(story, narrator)
    assert [line.split(":")[0] for line in first] == ["verdict on 1.2", "command", "executor"]
    assert "HARMFUL, confidence 0.9990" in first[0]
    assert told(story, narrator) == []
    story.hear(recovery(BAD, RecoveryKind.RECOVERED))
    assert told(story, narrator) == ["judge: recovered: errors 0 now"]


def test_a_verdict_that_only_says_that_the_watch_goes_on_is_no_news() -> None:
    story = Story()
    story.hear(verdict(GOOD, VerdictKind.INCONCLUSIVE))
    assert told(story, Narrator(GOOD)) == []


def bad_scene() -> Scene:
    story = Story()
    for said in (evidence(BAD, 3.0, "latency"), *undone(BAD)):
        story.hear(said)
    scene = Scene(phases(PLAN, Fault.ERRORS), running=lambda: {GOOD: 3, BAD: 1})
    scene.begin(Act.BASELINE)
    scene.begin(Act.BAD)
    scene.on_trial = OnTrial(version=BAD, about="it fails", story=story, narrator=Narrator(BAD))
    scene.tally.add(BAD, AT, 0.005, is_failed=True)
    scene.listen()
    return scene


def test_the_picture_shows_rates_evidence_verdict_and_action() -> None:
    console = Console(record=True, width=110, height=40, file=StringIO())
    console.print(picture(bad_scene(), 40))
    text = console.export_text()
    for expected in (
        "bad release 1.2",
        "14.2 of 5.7",
        "HARMFUL",
        "undo done",
        "failed/s",
        "errors 30 % of 100",
    ):
        assert expected in text


def test_the_picture_of_an_empty_scene_can_be_drawn_on_a_tiny_terminal() -> None:
    console = Console(record=True, width=30, height=8, file=StringIO())
    console.print(picture(Scene(phases(PLAN, Fault.NONE)), 8))
    assert "Suture" in console.export_text()


def test_plain_lines_carry_times_and_no_escape_codes() -> None:
    out = StringIO()
    scene = bad_scene()
    with PlainShow(scene, out) as show:
        show.refresh()
        scene.say("one more thing")
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert all(line[2] == line[5] == ":" for line in lines)
    assert any(line.endswith("-- 5/7 bad release 1.2: canary, judged, rolled back") for line in lines)
    assert lines[-1].endswith("one more thing")


def test_the_facts_name_templates_seconds_and_bad_requests() -> None:
    script = {GOOD: promoted(GOOD), BAD: (*undone(BAD), recovery(BAD, RecoveryKind.RECOVERED))}
    world = ScriptedWorld(script)
    scene = Scene(phases(PLAN, Fault.ERRORS))
    scene.tally.add(BAD, AT, 0.005, is_failed=True)
    patience = Patience(threading.Event(), time.monotonic() + 60.0, scene.listen)
    ending = play(Stage(world=world, scene=scene, ear=world, patience=patience), PLAN, Fault.ERRORS)
    text = "\n".join(facts(ending.fates[1]))
    for expected in ("template12 -> template11", "rollback done: 8.0 s", "1 of 1", "recovered"):
        assert expected in text


def test_the_policy_of_the_demonstration_acts_alone_in_its_environment_only() -> None:
    text = policy_text(interval_s=3.0, watch_s=40.0, kind="processes", namespace="demo", environment="dev")
    policy = parse_policy(text)
    _, dev = policy.rule(DEV, SHOP)
    _, prod = policy.rule(EnvironmentName("prod"), SHOP)
    assert (dev.gate.rollback, prod.gate.rollback) == (Autonomy.ALONE, Autonomy.ASK)
    assert dev.target.target(DEV, SHOP) == TARGET
    assert (dev.judge.interval, dev.judge.watch) == (timedelta(seconds=3), timedelta(seconds=40))
