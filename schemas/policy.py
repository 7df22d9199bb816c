"""Policy: which signals judge a service, what false rollbacks may cost, and who acts alone.

The values only; `actions/policy_file.py` reads them from YAML.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.approvals import ApprovalSettings, Person, includes, unknown_names
from schemas.durations import Duration, PositiveDuration
from schemas.freeze_windows import FreezeWindow
from schemas.kayenta import KayentaSettings
from schemas.keys import EnvironmentName, ServiceName
from schemas.levels import LevelRule, default_levels
from schemas.playbooks import PlaybookSpec
from schemas.releases import LONGEST_TEAM, Target, TargetKind
from schemas.signals import Selector, Signal, default_signals, requests_selector
from schemas.smoke_tests import Stages

_STRICT = ConfigDict(extra="forbid")

MOST_EXPLORED = 0.05
"""Largest share of rollbacks that a policy may put off to learn of them."""

LONGEST_EXPLORED = timedelta(minutes=15)
"""Longest time that it may put them off."""

_NEVER = timedelta(0)

Alpha = Annotated[float, Field(gt=0.0, lt=1.0)]


class JudgeMethod(StrEnum):
    """Which rule convicts.

    ANYTIME: evidence that may be looked at as often as one likes, with one false-rollback budget a release.
    KAYENTA: the score of Kayenta's judge, at its analyses; for teams that come from there.
    """

    ANYTIME = "anytime"
    KAYENTA = "kayenta"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How a release is judged.

    Attributes:
        interval: Width of one look: samples of a pod are added up over it. Shorter finds sooner and
            has fewer requests a look; not below the senders' reporting interval.
        alpha: Chance, per release and over all looks and signals together, of calling a good one harmful.
        watch: How long a release is watched. Longer finds slow damage and promotes later.
        after: How long a release that was judged healthy is watched on for damage that begins later, with
            what is left of `alpha`; zero for not at all, and under `kayenta` always. Longer finds what
            comes later, and what is left is split over more rounds of `watch`.
        min_watch: A release is not called healthy before.
        min_intervals: Nor before its canary spoke in so many intervals.
        quiet: How much of the time before a release tells what is normal.
        lateness: How long after an interval's end its samples may still come in.
        silent_intervals: A canary's silence is weighed from so many intervals on in which its stable twins
            spoke. Fewer finds dead canaries sooner; more spares services whose pods pause.
        skew: Samples whose time is further ahead of the log's time are refused: a clock is wrong.
        max_pods: Pods of one service beyond so many are counted together; bounds memory.
        method: Which rule convicts; `alpha` bounds false rollbacks under `anytime` only.
        kayenta: Settings of Kayenta's rule, where `method` asks for it.
    """

    __pydantic_config__ = _STRICT

    interval: PositiveDuration = timedelta(seconds=60)
    alpha: Alpha = 0.01
    watch: PositiveDuration = timedelta(minutes=30)
    after: Duration = timedelta(hours=1)
    min_watch: Duration = timedelta(minutes=10)
    min_intervals: Annotated[int, Field(ge=1)] = 5
    quiet: PositiveDuration = timedelta(hours=1)
    lateness: Duration = timedelta(seconds=5)
    silent_intervals: Annotated[int, Field(ge=1)] = 3
    skew: PositiveDuration = timedelta(minutes=5)
    max_pods: Annotated[int, Field(ge=2)] = 200
    method: JudgeMethod = JudgeMethod.ANYTIME
    kayenta: KayentaSettings = field(default_factory=KayentaSettings)


class Autonomy(StrEnum):
    """Who acts.

    ALONE: the command goes out at once. ASK: a human approves first. SHADOW: nothing goes out and
    everything is said. DRY_RUN: the command goes out as a rehearsal, which the server stores nothing of.
    """

    ALONE = "alone"
    ASK = "ask"
    SHADOW = "shadow"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What stands between a decision and the world.

    Attributes:
        rollback: Who rolls a harmful release back.
        promote: Who promotes a healthy canary.
        min_confidence: Below it, a rollback asks a human even where it may act alone.
        approval_expires: No answer by then means no action.
        remedy: Who begins a playbook for a known failure, and goes on with its steps.
        playbooks: Names of the playbooks that may be chosen; None for all that are there.
        remedy_budget: Steps of playbooks allowed for one service within `budget_window`; one more asks.
        service_budget: Rollbacks allowed of one service within `budget_window`; one more is held.
        budget: Rollbacks allowed in an environment within `budget_window`; one more is held.
        blast_radius: Services of an environment that may be rolled back within `budget_window`; one
            more is held, because what hits many services at once is seldom their releases. None
            for no limit.
        cooldown: After an action on a service, the next one on it waits for a human so long.
        command_expires: A command that was not begun by then is refused by the executor.
        recovery: How long after an action the service may take to recover before a human is paged.
        freezes: Times of the week in which nothing is changed; of an environment, not of one service. Lifted
            by hand, one stays lifted until it ends.
        blame_wait: How long a harmful verdict waits for its neighbours' evidence before somebody is
            blamed. Longer blames better among concurrent releases; a release that is alone in its
            environment never waits.
        approval: Who may answer a hold, and what happens when nobody does.
        stages: What must fail before a release is taken back: the verdict, a smoke test, both.
        explore: Share of rollbacks that are put off to learn what such releases do, at most 0.05; 0 for none.
            Only those that nobody is asked about and that are no clear harm, so `approval.clear_harm` must be
            set. More learns faster, and leaves more bad releases running for `explore_for`.
        explore_for: How long they are put off, at most 15 minutes. Longer sees more of what they do.

    Raises:
        ValueError: something is to be explored, and `explore_for` or `approval.clear_harm` is not set.
    """

    __pydantic_config__ = _STRICT

    rollback: Autonomy = Autonomy.ASK
    promote: Autonomy = Autonomy.ALONE
    remedy: Autonomy = Autonomy.ASK
    playbooks: tuple[str, ...] | None = None
    remedy_budget: Annotated[int, Field(ge=0)] = 4
    service_budget: Annotated[int, Field(ge=0)] = 2
    min_confidence: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    approval_expires: PositiveDuration = timedelta(minutes=30)
    budget: Annotated[int, Field(ge=0)] = 3
    budget_window: PositiveDuration = timedelta(hours=1)
    blast_radius: Annotated[int, Field(ge=1)] | None = None
    cooldown: Duration = timedelta(minutes=10)
    command_expires: PositiveDuration = timedelta(minutes=5)
    recovery: PositiveDuration = timedelta(minutes=10)
    freezes: tuple[FreezeWindow, ...] = ()
    blame_wait: Duration = timedelta(seconds=60)
    approval: ApprovalSettings = field(default_factory=ApprovalSettings)
    stages: Stages = Stages.VERDICT
    # Left out of the JSON form while it is off, so that what policies are known by stays as it was.
    explore: Annotated[float, Field(ge=0.0, le=MOST_EXPLORED, exclude_if=lambda share: share == 0)] = 0.0
    explore_for: Annotated[
        Duration, Field(ge=_NEVER, le=LONGEST_EXPLORED, exclude_if=lambda life: life == _NEVER)
    ] = _NEVER

    def __post_init__(self) -> None:
        if self.explore > 0 and self.explore_for == _NEVER:
            raise ValueError(f"explore is {self.explore:g} and explore_for is 0, expected up to 15 minutes")
        if self.explore > 0 and self.approval.clear_harm is None:
            raise ValueError(
                f"explore is {self.explore:g} and approval.clear_harm is not set, "
                "expected a confidence from which nothing is put off"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPattern:
    """What runs a service; `{service}` and `{environment}` stand for their names."""

    __pydantic_config__ = _STRICT

    kind: TargetKind = TargetKind.DEPLOYMENT
    cluster: str = "default"
    namespace: str = "{environment}"
    workload: str = "{service}"

    def target(self, environment: EnvironmentName, service: ServiceName) -> Target:
        """Return the target of one service in one environment."""

        def filled(pattern: str) -> str:
            return pattern.replace("{service}", service).replace("{environment}", environment)

        return Target(
            kind=self.kind,
            cluster=filled(self.cluster),
            namespace=filled(self.namespace),
            workload=filled(self.workload),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What errors cost a service, in any one unit; only their ratio counts.

    Attributes:
        bad_minute: A minute in which a bad release's canary serves its part of the users.
        false_rollback: A good release that is taken back: whoever looks into it, and what ships later.

    Where either is 0, nobody has said what errors cost, and no budget is learnt from it.
    """

    __pydantic_config__ = _STRICT

    bad_minute: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    false_rollback: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    @property
    def are_told(self) -> bool:
        """Return whether both are known."""
        return self.bad_minute > 0 and self.false_rollback > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for the services and environments that it is given to.

    Attributes:
        team: Who owns the services, for releases whose event names nobody; "" for nobody.
        costs: What errors cost, which a learnt budget goes by. It is never larger than `judge.alpha`.
    """

    __pydantic_config__ = _STRICT

    judge: JudgeSettings = field(default_factory=JudgeSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    signals: tuple[Signal, ...] = field(default_factory=default_signals)
    traffic: Selector = field(default_factory=requests_selector)
    target: TargetPattern = field(default_factory=TargetPattern)
    levels: tuple[LevelRule, ...] = field(default_factory=default_levels)
    team: str = ""
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self) -> None:
        if len(self.team) > LONGEST_TEAM or not self.team.isprintable():
            raise ValueError(f"team is not a printable name of at most {LONGEST_TEAM} characters")
        names = [signal.name for signal in self.signals]
        if len(set(names)) != len(names):
            raise ValueError(f"signals are {', '.join(names)}, expected each name once")
        if not any(signal.share > 0 for signal in self.signals):
            raise ValueError("no signal has a share above 0, expected at least one that can convict")
        levels = [level.name for level in self.levels]
        if len(set(levels)) != len(levels):
            raise ValueError(f"levels are {', '.join(levels)}, expected each name once")
        for name in (*self.judge.kayenta.critical, *self.judge.kayenta.must_have_data):
            if name not in names:
                raise ValueError(f"kayenta names the signal {name}, expected one of {', '.join(names)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules by `environment/service`; `*` stands for any. And what may be done about known failures.

    Attributes:
        rules: By key.
        playbooks: In the order in which they are thought of.
        people: Who answers holds, by the name that rules give them.

    Raises:
        ValueError: there is no rule `*/*`, a key is not two names with a slash between them, a rule names
            somebody who is not there, or asks for more people than there are.
    """

    __pydantic_config__ = _STRICT

    rules: dict[str, Rule]
    playbooks: tuple[PlaybookSpec, ...] = ()
    people: dict[str, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "*/*" not in self.rules:
            raise ValueError("policy has no rule */*, expected one for what nothing else names")
        for key in self.rules:
            if key.count("/") != 1:
                raise ValueError(f"rule is named {key}, expected environment/service")
        for key, rule in self.rules.items():
            asked = rule.gate.approval
            if unknown := unknown_names((*asked.approvers, *asked.escalate_to), self.people):
                raise ValueError(f"rule {key} asks {', '.join(unknown)}, expected names among people")
            able = [name for name in self.people if includes(asked.approvers, self.people, name)]
            if asked.approvers and len(able) < asked.quorum:
                raise ValueError(
                    f"rule {key} needs {asked.quorum} approvals and asks {len(able)} people, expected as many"
                )

    def rule(self, environment: EnvironmentName, service: ServiceName) -> tuple[str, Rule]:
        """Return the most specific rule for a service in an environment, and its name.

        A service's own rule wins over its environment's.
        """
        for key in (f"{environment}/{service}", f"*/{service}", f"{environment}/*"):
            if key in self.rules:
                return key, self.rules[key]
        return "*/*", self.rules["*/*"]


def default_policy() -> Policy:
    """Return the policy of an installation that wrote none: development acts alone, all else asks."""
    alone = Rule(gate=GateSettings(rollback=Autonomy.ALONE, remedy=Autonomy.ALONE))
    return Policy(rules={"*/*": Rule(), "dev/*": alone, "development/*": alone})
