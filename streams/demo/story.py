"""The story: a good release, then one with a fault, and what must become of both."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.keys import ReleaseId
from schemas.orders import CommandKind, Outcome, OutcomeKind
from streams.demo.fault import Fault
from streams.demo.heard import Story
from streams.demo.narrator import Narrator
from streams.demo.scene import Act, OnTrial, Phase
from streams.demo.stage import Announced, Stage
from streams.demo.waiting import TooLateError

FIRST, GOOD, BAD = "1.0", "1.1", "1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long things may take.

    Attributes:
        baseline_s: Traffic before the first release.
        watch_s: How long a release is watched.
        settle_s: Traffic between the two releases.
        slack_s: How much longer than its watch a release's fate may take to be sealed.
        good_s: How long a good release usually takes; its watch when None.
        start_s: How long starting usually takes.
        undo_s: How long a bad release usually lives.
        recovery_s: How long the judge may take to say that the service is well again.
    """

    baseline_s: float
    watch_s: float
    settle_s: float
    slack_s: float = 45.0
    recovery_s: float = 60.0
    good_s: float | None = None
    start_s: float = 20.0
    undo_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one release.

    Attributes:
        problem: What did not happen that should have, or the other way around; "" when all went well.
        first_bad_at: When its first bad request was sent.
        sent: Requests that it got.
        bad: Of these, failed or slow.
    """

    version: str
    release: ReleaseId
    fault: Fault
    problem: str
    sent: int = 0
    bad: int = 0
    first_at: datetime | None = None
    first_bad_at: datetime | None = None
    outcome: Outcome | None = None
    recovery: Recovery | None = None

    @property
    def is_undone(self) -> bool:
        """Return whether it was rolled back."""
        return self.outcome is not None and self.outcome.command_kind is CommandKind.UNDO

    @property
    def seconds_to_undo(self) -> float | None:
        """Return seconds from the first bad request, or the first at all, to the end of the rollback."""
        since = self.first_bad_at or self.first_at
        if since is None or self.outcome is None or not self.is_undone:
            return None
        return (self.outcome.at - since).total_seconds()


@dataclass(slots=True)
class Ending:
    """How the demonstration ended."""

    fates: list[Fate] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Return what went otherwise than it should."""
        return [fate.problem for fate in self.fates if fate.problem]


def phases(plan: Plan, fault: Fault, *, promotes: bool = True) -> list[Phase]:
    """Return the parts of the story with the time that each usually takes."""
    end = "promoted" if promotes else "left alone"
    judging_s = (plan.good_s or plan.watch_s) + 6
    told: list[tuple[Act, str, float]] = [
        (Act.START, "start Kafka, Suture and the shop", plan.start_s),
        (Act.BASELINE, f"traffic on {FIRST}, to know what is normal", plan.baseline_s),
        (Act.GOOD, f"good release {GOOD}: canary, judged, {end}", judging_s),
        (Act.SETTLE, f"traffic on {GOOD}", plan.settle_s),
    ]
    if fault is Fault.NONE:
        told.append((Act.BAD, f"good release {BAD}: canary, judged, {end}", judging_s))
    else:
        told.append((Act.BAD, f"bad release {BAD}: canary, judged, rolled back", plan.undo_s))
        told.append((Act.RECOVERY, "recovery, as the judge sees it", 15.0))
    told.append((Act.ASK, "ask the decision log", 4.0))
    return [Phase(act=act, title=title, expected_s=seconds) for act, title, seconds in told]


def play(stage: Stage, plan: Plan, fault: Fault) -> Ending:
    """Play the story on a stage where the first version serves; return how it ended.

    Raises:
        StoppedError: somebody asked to stop.
        SutureError: the world broke.
    """
    ending, scene = Ending(), stage.scene
    scene.begin(Act.BASELINE)
    scene.say(f"{sum(stage.world.running().values())} instances of {FIRST} serve")
    stage.patience.sleep(plan.baseline_s)
    scene.begin(Act.GOOD)
    ending.fates.append(_good(stage, plan, GOOD))
    if ending.problems:
        return ending
    scene.begin(Act.SETTLE)
    stage.patience.sleep(plan.settle_s)
    scene.begin(Act.BAD)
    ending.fates.append(_good(stage, plan, BAD) if fault is Fault.NONE else _bad(stage, plan, fault))
    return ending


def _good(stage: Stage, plan: Plan, version: str) -> Fate:
    """Release a good version and wait until all instances run it because it was judged healthy."""
    announced, story = _release(stage, version, Fault.NONE)

    def is_settled() -> bool:
        if story.has_done(CommandKind.UNDO) or (story.held is not None):
            return True
        if stage.promotes:
            return story.has_done(CommandKind.PROMOTE) and stage.world.is_all_on(version)
        verdict = story.verdict
        is_healthy = verdict is not None and verdict.is_final and verdict.kind is VerdictKind.HEALTHY
        return is_healthy and stage.world.is_all_on(version)

    lacking = f"{version} is good and was not {'promoted' if stage.promotes else 'judged healthy'}"
    problem = _wait(stage, is_settled, plan.watch_s + plan.slack_s, lacking)
    if story.has_done(CommandKind.UNDO):
        problem = f"{version} is good and was rolled back"
    elif story.held is not None:
        problem = lacking
    if problem:
        problem += _standing(story)
    if not problem:
        stage.scene.say(f"{version} runs everywhere")
    return _fate(stage, announced, Fault.NONE, story, problem)


def _bad(stage: Stage, plan: Plan, fault: Fault) -> Fate:
    """Release a version with a fault and wait until it was rolled back and the service is well again."""
    announced, story = _release(stage, BAD, fault)

    def is_settled() -> bool:
        if story.held is not None or story.has_done(CommandKind.PROMOTE):
            return True
        return story.has_done(CommandKind.UNDO) and stage.world.is_all_on(GOOD)

    lacking = f"{BAD} {fault.told} and was not rolled back"
    problem = _wait(stage, is_settled, plan.watch_s + plan.slack_s, lacking)
    if problem or not story.has_done(CommandKind.UNDO):
        problem = lacking + _standing(story)
    elif not problem and story.outcome is not None and story.outcome.template_after == announced.template:
        problem = f"the rollback of {BAD} ended at the template that it was to leave"
    if not problem:
        stage.scene.say(f"{GOOD} runs everywhere again")
        stage.scene.begin(Act.RECOVERY)
        problem = _wait(
            stage, lambda: story.recovery is not None, plan.recovery_s, "recovery was not confirmed"
        )
    if story.recovery is not None and story.recovery.kind is not RecoveryKind.RECOVERED:
        problem = f"after the rollback the judge says {story.recovery.kind}: {story.recovery.text}"
    return _fate(stage, announced, fault, story, problem)


def _release(stage: Stage, version: str, fault: Fault) -> tuple[Announced, Story]:
    scene = stage.scene
    about = f"it {fault.told}" if fault is not Fault.NONE else "it is good"
    announced = stage.world.release(version, fault)
    scene.say(f"$ {announced.command}")
    story = stage.ear.story(announced.release)
    scene.on_trial = OnTrial(version=version, about=about, story=story, narrator=Narrator(version))
    scene.say(f"{version} goes to a canary; {about}, which Suture does not know")
    return announced, story


def _wait(stage: Stage, is_settled: Callable[[], bool], seconds: float, otherwise: str) -> str:
    """Wait for something; return what did not happen, "" when it did."""
    try:
        stage.patience.until(is_settled, otherwise, seconds)
    except TooLateError:
        return otherwise
    finally:
        stage.scene.listen()
    return ""


def _fate(stage: Stage, announced: Announced, fault: Fault, story: Story, problem: str) -> Fate:
    count = stage.scene.tally.count(announced.version)
    return Fate(
        version=announced.version,
        release=announced.release,
        fault=fault,
        problem=problem,
        sent=count.sent,
        bad=count.bad,
        first_at=count.first_at,
        first_bad_at=count.first_bad_at,
        outcome=story.outcome,
        recovery=story.recovery,
    )


def _standing(story: Story) -> str:
    """Return the last that was said of a release, to be put behind what went wrong with it."""
    if story.held is not None:
        return f": {story.held.reason}"
    if story.outcome is not None and story.outcome.kind in (OutcomeKind.FAILED, OutcomeKind.REFUSED):
        return f": the executor {story.outcome.kind} it: {story.outcome.detail}"
    if story.verdict is not None:
        return f": judged {story.verdict.kind}: {story.verdict.reasons[0]}"
    return ": nothing was said of it"
