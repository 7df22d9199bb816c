"""The engine: everything that Suture knows and decides is a function of the observations, in their order.

It reads no clock, file, network or random source. The live run, a replay, a backtest and a unit test are
the same act: `apply` one observation after the other.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import assert_never

from pydantic import AwareDatetime

from schemas.codec import adapter, digest, from_json, to_json
from schemas.effects import Effect, Said
from schemas.explanations import Explained
from schemas.instruments import InstrumentChanged
from schemas.keys import EnvironmentName, ServiceName
from schemas.labels import AfterwordTold, Labelled
from schemas.models import ModelChanged, ModelFamily, ModelStage
from schemas.observations import (
    AnomalySeen,
    Approval,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    LogBatch,
    Observation,
    OneWaySeen,
    OutcomeReported,
    PodChanged,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseStarted,
    SettingsChanged,
    SuspicionChanged,
    TemplateSeen,
    Tick,
    VerdictReached,
)
from schemas.policy import Policy, Rule, default_policy
from schemas.profiles import Profile, adjusted
from schemas.quality import BuildAssessed
from schemas.samples import SampleBatch
from schemas.smoke_tests import SmokeTested
from streams import environment_engine, environment_labels, service_engine
from streams.environment_engine import EnvironmentState, new_environment
from streams.service_engine import ServiceState, new_service

CODE_VERSION = 1
"""Rises when the state's meaning changes; a change of its form is noticed by itself."""


@dataclass(slots=True, kw_only=True)
class EngineState:
    """All that an engine knows: plain data that JSON holds and gives back exactly.

    Attributes:
        now: The log's time: the newest tick; None before the first.
        applied: `topic/partition` to the offset of the newest observation applied.
        seen: `key topic/partition` to (offset, index) of the newest origin taken for that key.
        profile: What the judge learnt, which is laid over the policy's rules.
        model: Id of the model that the profile is of; "" for none.
        model_at: When that was decided; what was decided earlier and comes later changes nothing.
    """

    policy: Policy = field(default_factory=default_policy)
    digest: str = ""
    now: AwareDatetime | None = None
    applied: dict[str, int] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    services: dict[str, ServiceState] = field(default_factory=dict)
    environments: dict[str, EnvironmentState] = field(default_factory=dict)
    profile: Profile | None = None
    model: str = ""
    model_at: AwareDatetime | None = None

    def __post_init__(self) -> None:
        if not self.digest:
            self.digest = digest(self.policy)

    @property
    def settings(self) -> str:
        """Return what services are judged by: the policy's digest, and the model's id where there is one."""
        return f"{self.digest}+{self.model}" if self.model else self.digest


@cache
def state_version() -> str:
    """Return what a snapshot must bear to be used: a version of the state's meaning and a digest of its form.

    A snapshot of another version is thrown away: the log is the truth.
    """
    form = json.dumps(adapter(EngineState).json_schema(), sort_keys=True)
    return f"{CODE_VERSION}-{hashlib.sha256(form.encode()).hexdigest()[:12]}"


class Engine:
    """Applies observations, one after the other, and says what follows.

    Args:
        state: What is known already; nothing when that is None.
    """

    def __init__(self, state: EngineState | None = None) -> None:
        self._state = state or EngineState()
        self._rules: dict[str, Rule] = {}

    @property
    def state(self) -> EngineState:
        """Return what the engine knows; for reading only."""
        return self._state

    def apply(self, observation: Observation) -> tuple[Effect, ...]:
        """Learn one observation and return what is to be said because of it.

        An observation at or before the newest applied one of its partition changes nothing and says
        nothing, and neither does one made from a public message that was taken already.
        """
        position = observation.position
        place = f"{position.topic}/{position.partition}"
        if position.offset <= self._state.applied.get(place, -1):
            return ()
        self._state.applied[place] = position.offset
        if self._is_repeat(observation):
            return ()
        said = self._dispatch(observation)
        return tuple(
            Effect(key=key, cause=position, index=index, said=item) for index, (key, item) in enumerate(said)
        )

    def snapshot(self) -> bytes:
        """Return what the engine knows as JSON; `Engine.restore` goes on from it as if never stopped."""
        return to_json(self._state)

    @classmethod
    def restore(cls, data: bytes) -> "Engine":
        """Return an engine that knows what a snapshot holds.

        Raises:
            SchemaError: the bytes are no snapshot of this version.
        """
        return cls(from_json(EngineState, data))

    def _is_repeat(self, observation: Observation) -> bool:
        origin = observation.origin
        if origin is None:
            return False
        source = f"{observation.key} {origin.topic}/{origin.partition}"
        place = (origin.offset, origin.index)
        if place <= self._state.seen.get(source, (-1, -1)):
            return True
        self._state.seen[source] = place
        return False

    def _dispatch(self, observation: Observation) -> Iterable[tuple[str, Said]]:
        key, body = observation.key, observation.body
        match body:
            case Tick():
                return self._tick(body)
            case SettingsChanged():
                return self._settings_changed(body)
            case ModelChanged():
                return self._model_changed(body)
            case SampleBatch() | LogBatch() | ReleaseStarted() | PodChanged() | InstrumentChanged():
                return ((key, item) for item in self._at_service(key, body))
            case OutcomeReported() if "/" in key:
                return ((key, item) for item in self._at_service(key, body))
            case (
                Approval()
                | FreezeSet()
                | KillSwitchSet()
                | OutcomeReported()
                | ReleaseOpened()
                | ReleaseClosed()
                | VerdictReached()
                | SuspicionChanged()
                | AnomalySeen()
                | RecoveryJudged()
                | FailureSeen()
                | FailureCleared()
                | TemplateSeen()
                | OneWaySeen()
                | SmokeTested()
                | BuildAssessed()
                | Labelled()
                | AfterwordTold()
                | Explained()
            ):
                return ((key, item) for item in self._at_environment(key, body))
            case _:
                assert_never(body)

    def _tick(self, tick: Tick) -> Iterator[tuple[str, Said]]:
        state = self._state
        if state.now is not None and tick.at <= state.now:
            return
        state.now = tick.at
        # Sorted: a restored engine must speak in the same order as one that never stopped.
        for key in sorted(key for key, service in state.services.items() if service.is_waiting):
            service = state.services[key]
            rule = self._rule(service)
            try:
                said = list(service_engine.tick(service, rule, state.settings, tick.at))
            except Exception as error:  # noqa: BLE001  # a bug at one service must not silence the others
                said = service_engine.failed(service, type(error).__name__, tick.at)
            for item in said:
                yield key, item
        for key in sorted(key for key, known in state.environments.items() if known.is_waiting):
            known = state.environments[key]
            for item in environment_engine.tick(known, state.policy, state.digest, tick.at):
                yield key, item

    def _settings_changed(self, change: SettingsChanged) -> Iterator[tuple[str, Said]]:
        if change.digest == self._state.digest:
            return
        self._state.policy, self._state.digest = change.policy, change.digest
        self._rules.clear()
        yield "", change

    def _model_changed(self, change: ModelChanged) -> Iterator[tuple[str, Said]]:
        is_used = change.stage in (ModelStage.CHAMPION, ModelStage.RETIRED)
        is_late = self._state.model_at is not None and change.at < self._state.model_at
        if is_used and change.card.family is ModelFamily.JUDGE and not is_late:
            self._state.model_at = change.at
            is_champion = change.stage is ModelStage.CHAMPION
            self._state.profile = change.profile
            self._state.model = change.card.id if is_champion else change.card.parent
            self._rules.clear()
        yield "", change

    def _at_service(
        self,
        key: str,
        body: SampleBatch | LogBatch | ReleaseStarted | PodChanged | InstrumentChanged | OutcomeReported,
    ) -> Iterable[Said]:
        state = self._service(key)
        rule = self._rule(state)
        match body:
            case SampleBatch():
                service_engine.add_samples(state, body, rule, self._state.now)
            case LogBatch():
                service_engine.add_logs(state, body, rule, self._state.now)
            case PodChanged():
                service_engine.pod_changed(state, body, rule)
            case InstrumentChanged():
                service_engine.instrument_changed(state, body, self._state.now)
            case ReleaseStarted():
                return service_engine.release_started(state, body, rule, self._state.now)
            case OutcomeReported():
                return service_engine.outcome_reported(state, body)
            case _:
                assert_never(body)
        return ()

    def _at_environment(
        self,
        key: str,
        body: Approval
        | FreezeSet
        | KillSwitchSet
        | OutcomeReported
        | ReleaseOpened
        | ReleaseClosed
        | VerdictReached
        | SuspicionChanged
        | AnomalySeen
        | RecoveryJudged
        | FailureSeen
        | FailureCleared
        | TemplateSeen
        | OneWaySeen
        | SmokeTested
        | BuildAssessed
        | Labelled
        | AfterwordTold
        | Explained,
    ) -> Iterable[Said]:
        state = self._environment(key)
        policy, settings = self._state.policy, self._state.digest
        match body:
            case ReleaseOpened():
                return environment_engine.release_opened(state, body, self._time(body.release.started_at))
            case ReleaseClosed():
                return environment_engine.release_closed(state, body, self._time(body.at))
            case VerdictReached():
                now = self._time(body.verdict.at)
                return environment_engine.verdict_reached(state, body, policy, settings, now)
            case SuspicionChanged():
                environment_engine.suspicion_changed(state, body)
                return ()
            case AnomalySeen():
                environment_engine.anomaly_seen(state, body, policy)
                return ()
            case Approval():
                return environment_engine.answered(state, body, policy, self._time(body.at))
            case FreezeSet():
                return environment_engine.frozen(state, body)
            case KillSwitchSet():
                return environment_engine.kill_switched(state, body)
            case OutcomeReported():
                now = self._time(body.outcome.at)
                return environment_engine.outcome_reported(state, body, policy, now)
            case RecoveryJudged():
                return environment_engine.recovery_judged(state, body, self._time(body.recovery.at))
            case FailureSeen():
                return environment_engine.failure_seen(state, body, policy, self._time(body.failure.at))
            case FailureCleared():
                return environment_engine.failure_cleared(state, body, self._time(body.at))
            case TemplateSeen():
                return environment_engine.template_seen(state, body, self._time(body.at))
            case OneWaySeen():
                environment_engine.one_way_seen(state, body)
                return ()
            case SmokeTested():
                return environment_engine.smoke_tested(state, body, self._time(body.at))
            case Labelled():
                return environment_engine.labelled(state, environment_labels.labelled(state.labels, body))
            case AfterwordTold():
                now = self._time(body.at)
                heard = environment_labels.afterword_told(state.labels, state.gate, policy.people, body, now)
                return environment_engine.labelled(state, heard)
            case Explained() | BuildAssessed():
                return (body,)
            case _:
                assert_never(body)

    def _rule(self, service: ServiceState) -> Rule:
        """Return the rule that a service is judged by: its policy's, with what was learnt laid over it."""
        key = f"{service.environment}/{service.service}"
        found = self._rules.get(key)
        if found is None:
            state = self._state
            _, found = state.policy.rule(service.environment, service.service)
            if state.profile is not None:
                found = adjusted(found, state.profile.adjustment(service.environment, service.service))
            self._rules[key] = found
        return found

    def _time(self, at: datetime) -> datetime:
        """Return the log's time: an event's own, unless a tick has already been further."""
        now = self._state.now
        return at if now is None or at > now else now

    def _service(self, key: str) -> ServiceState:
        found = self._state.services.get(key)
        if found is None:
            environment, _, service = key.partition("/")
            found = new_service(EnvironmentName(environment), ServiceName(service))
            self._state.services[key] = found
        return found

    def _environment(self, key: str) -> EnvironmentState:
        found = self._state.environments.get(key)
        if found is None:
            found = self._state.environments[key] = new_environment(EnvironmentName(key))
        return found
