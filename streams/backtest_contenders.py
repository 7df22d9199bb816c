"""Contenders of a backtest: which settings each judges by, and what of the log belongs to somebody else.

A log holds what happened to the world, and what the judge of those days said of it. The first is every
contender's; the second is the old judge's word, and whoever reads it does not judge for himself.
"""

from dataclasses import dataclass, field

from schemas.explanations import Explained
from schemas.labels import Labelled
from schemas.models import ModelChanged
from schemas.observations import (
    AnomalySeen,
    Approval,
    FailureCleared,
    FailureSeen,
    Observation,
    OutcomeReported,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    SettingsChanged,
    SuspicionChanged,
    VerdictReached,
)
from schemas.policy import Policy
from schemas.profiles import Profile
from schemas.topics import Topic
from streams.engine import EngineState
from streams.environment_engine import EnvironmentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Settings under which a log is judged again.

    Attributes:
        name: For people.
        policy: What it judges and acts by; None for the settings that the log holds.
        profile: What was learnt, laid over the rules; None for the models that the log holds.
        before: The policy until the log says which; None for the shipped one. A log that begins in the middle
            does not tell again what held by then.
    """

    name: str
    policy: Policy | None = None
    profile: Profile | None = None
    before: Policy | None = None

    def beginning(self) -> EngineState:
        """Return what its engines know before the log begins."""
        policy = self.policy or self.before
        state = EngineState() if policy is None else EngineState(policy=policy)
        if self.profile is not None:
            state.profile, state.model = self.profile, self.name
        return state

    def brings_its_own(self, observation: Observation) -> bool:
        """Return whether the log's settings or model at this place are not this contender's."""
        match observation.body:
            case SettingsChanged():
                return self.policy is not None
            case ModelChanged():
                return self.profile is not None
            case _:
                return False


CHAMPION = Contender(name="champion")
"""The log's own settings and models, as they changed along it."""


@dataclass(slots=True, kw_only=True)
class LeftOut:
    """How much of an environment's log a contender was not told, since it answers what he did not do.

    Attributes:
        answers: Answers of people to questions that the contender had not asked.
        outcomes: Outcomes of commands that it had not given.
    """

    answers: int = 0
    outcomes: int = 0


@dataclass(slots=True, kw_only=True)
class Listening:
    """Says which of an environment's observations a contender may hear.

    Attributes:
        left_out: What it was not told so far.
    """

    contender: Contender
    left_out: LeftOut = field(default_factory=LeftOut)

    def may_hear(self, observation: Observation, state: EnvironmentState | None) -> bool:
        """Return whether an observation is a fact of the world, or answers what the contender itself did.

        Args:
            observation: Of an environment's log.
            state: What the contender knows of that environment; None before it knows anything.
        """
        match observation.body:
            case (
                ReleaseOpened()
                | ReleaseClosed()
                | VerdictReached()
                | SuspicionChanged()
                | AnomalySeen()
                | RecoveryJudged()
                | Labelled()
                | Explained()
            ):
                return False
            case FailureSeen() | FailureCleared():
                # The cluster's watcher tells of failures, and so does a service's judge.
                origin = observation.origin
                return origin is None or origin.topic != Topic.OBSERVATIONS
            case Approval(hold=hold):
                is_asked = state is not None and hold in state.gate.holds
                self.left_out.answers += not is_asked
                return is_asked
            case OutcomeReported(outcome=outcome):
                is_ordered = state is not None and outcome.command in state.gate.orders
                self.left_out.outcomes += not is_ordered
                return is_ordered
            case _:
                return not self.contender.brings_its_own(observation)
