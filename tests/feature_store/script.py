"""Scripted releases: what the engines say of one, as effects with positions, for the journal's readers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feature_store.journal import Journal
from schemas.approvals import HoldChange, HoldChanged
from schemas.effects import Effect, Said
from schemas.failures import FailingPod, Failure, FailurePattern
from schemas.judgements import Evidence, Recovery, RecoveryKind, Side, Suspicion, Verdict, VerdictKind
from schemas.keys import (
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    SignalName,
    TemplateHash,
    command_id,
    decision_id,
    derived_id,
    release_id,
)
from schemas.labels import Label, LabelKind, Labelled, LabelSource
from schemas.observations import (
    Answer,
    Approval,
    FailureCleared,
    FailureSeen,
    LogPosition,
    OutcomeReported,
    ReleaseClosed,
    ReleaseOpened,
    VerdictReached,
)
from schemas.orders import (
    Command,
    CommandKind,
    Decision,
    Denied,
    Guard,
    Held,
    Outcome,
    OutcomeKind,
    Page,
    Playbook,
    Suspect,
)
from schemas.releases import Release, Target, TargetKind

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ERRORS = (
    "errors 4.1 % of 12,000 on 2 canary pods against 0.21 % of 48,000 on 8 stable pods; "
    "10,938 times likelier than chance (164 needed)"
)
OLD, NEW = TemplateHash("7f6b9"), TemplateHash("5d9c7")


def write(root: Path, effects: Sequence[Effect], *, partition: int = 3, first_offset: int = 0) -> None:
    """Write effects to a journal in a folder, as one file."""
    journal = Journal(root, clock=lambda: START)
    journal.append(partition, list(enumerate(effects, first_offset)))
    journal.flush()


def side(level: float | None, exposure: float = 12_000.0, pods: int = 2) -> Side:
    return Side(pods=pods, intervals=9, exposure=exposure, level=level)


class Script:
    """Writes the effects of one release, minute by minute; each call adds what its name says."""

    def __init__(
        self,
        version: str = "1.4.2",
        *,
        service: str = "cart",
        environment: str = "prod",
        first_offset: int = 100,
        start: datetime = START,
        team: str = "",
        committed_at: datetime | None = None,
        is_rollback: bool = False,
    ) -> None:
        self.environment = EnvironmentName(environment)
        self.service = ServiceName(service)
        self.version = version
        self.release: ReleaseId = release_id(self.environment, self.service, version, "ci", "7")
        self.start = start
        self.team = team
        self.committed_at = committed_at
        self.is_rollback = is_rollback
        self.effects: list[Effect] = []
        self._offset = first_offset
        self._verdicts = 0
        self._verdict_id = ""

    def opened(self) -> "Script":
        return self._say(ReleaseOpened(release=self._release()))

    def evidence(
        self,
        signal: str = "errors",
        minute: float = 8,
        *,
        canary: Side | None = None,
        control: Side | None = None,
        log_e: float = 9.3,
        edge: str = "",
        text: str = ERRORS,
    ) -> Evidence:
        item = Evidence(
            id=derived_id("evidence", self.release, signal, edge, str(minute)),
            release=self.release,
            signal=SignalName(signal),
            detector="gamma_poisson",
            at=self.at(minute),
            canary=canary or side(0.041),
            control=control or side(0.0021, 48_000.0, 8),
            log_e=log_e,
            threshold_log_e=5.1,
            margin=0.005,
            comparison="stable pods of the same minutes",
            join="template",
            edge=edge,
            text=text,
        )
        self._say(item)
        return item

    def verdict(
        self,
        kind: VerdictKind,
        *reasons: str,
        minute: float = 8,
        evidence: Sequence[Evidence] = (),
        confidence: float = 0.0,
        is_final: bool = False,
        first_bad: float | None = None,
    ) -> "Script":
        self._verdicts += 1
        verdict = Verdict(
            id=derived_id("verdict", self.release, str(self._verdicts)),
            release=self.release,
            environment=self.environment,
            service=self.service,
            version=self.version,
            ordinal=self._verdicts,
            kind=kind,
            at=self.at(minute),
            is_final=is_final,
            confidence=confidence,
            alpha=0.01,
            reasons=reasons,
            evidence=tuple(evidence),
            first_bad_at=None if first_bad is None else self.at(first_bad),
            settings="0f3a9c21d77e",
        )
        suspicion = Suspicion(
            release=self.release,
            service=self.service,
            environment=self.environment,
            at=self.at(minute),
            started_at=self.start,
            own_log_e=max((item.log_e for item in evidence), default=0.0),
        )
        self._verdict_id = verdict.id
        return self._say(VerdictReached(verdict=verdict, suspicion=suspicion, release=self._release()))

    def decision(
        self,
        playbook: Playbook,
        why: str,
        *,
        minute: float = 8,
        needs_approval: bool = False,
        confidence: float = 0.0,
        rule: str = "prod/*",
        suspects: Sequence[Suspect] = (),
        alternatives: Sequence[str] = (),
    ) -> "Script":
        return self._say(
            Decision(
                id=self.decision_id(playbook),
                release=self.release,
                environment=self.environment,
                service=self.service,
                version=self.version,
                verdict=self._verdict_id,
                playbook=playbook,
                at=self.at(minute),
                why=why,
                rule=rule,
                needs_approval=needs_approval,
                confidence=confidence,
                suspects=tuple(suspects),
                alternatives=tuple(alternatives),
                settings="0f3a9c21d77e",
            )
        )

    def held(self, guard: Guard, reason: str, *, minute: float = 8, expires: float | None = None) -> "Script":
        return self._say(
            Held(
                id=self.hold_id(guard),
                decision=self.decision_id(Playbook.ROLLBACK),
                release=self.release,
                environment=self.environment,
                service=self.service,
                guard=guard,
                reason=reason,
                at=self.at(minute),
                expires_at=None if expires is None else self.at(expires),
                command=None if expires is None else self._command(CommandKind.UNDO, minute),
            )
        )

    def answered(
        self, answer: Answer, guard: Guard = Guard.APPROVAL, *, minute: float, by: str = "ada", why: str = ""
    ) -> "Script":
        return self._say(
            Approval(
                environment=self.environment,
                hold=self.hold_id(guard),
                answer=answer,
                by=by,
                channel="cli",
                at=self.at(minute),
                why=why,
            )
        )

    def hold_changed(
        self, change: HoldChange, text: str, guard: Guard = Guard.APPROVAL, *, minute: float, by: str
    ) -> "Script":
        return self._say(
            HoldChanged(
                id=f"{self.hold_id(guard)}-{change}-{by}",
                hold=self.hold_id(guard),
                release=self.release,
                environment=self.environment,
                service=self.service,
                change=change,
                by=by,
                at=self.at(minute),
                text=text,
            )
        )

    def denied(self, guard: Guard, reason: str, *, minute: float) -> "Script":
        return self._say(
            Denied(
                id=derived_id("denied", self.release, guard),
                decision=self.decision_id(Playbook.ROLLBACK),
                release=self.release,
                environment=self.environment,
                service=self.service,
                guard=guard,
                reason=reason,
                at=self.at(minute),
            )
        )

    def command(self, kind: CommandKind, *, minute: float, approved_by: str = "") -> "Script":
        return self._say(self._command(kind, minute, approved_by))

    def _command(self, kind: CommandKind, minute: float, approved_by: str = "") -> Command:
        playbook = Playbook.ROLLBACK if kind is CommandKind.UNDO else Playbook.PROMOTE
        return Command(
            id=self.command_id(kind),
            kind=kind,
            decision=self.decision_id(playbook),
            release=self.release,
            environment=self.environment,
            service=self.service,
            target=self._target(),
            template=OLD if kind is CommandKind.UNDO else NEW,
            expected_template=NEW,
            issued_at=self.at(minute),
            expires_at=self.at(minute + 5),
            approved_by=approved_by,
        )

    def outcome(
        self, kind: CommandKind, outcome: OutcomeKind, detail: str, *, minute: float, took: float = 0.2
    ) -> "Script":
        command = self.command_id(kind)
        return self._say(
            OutcomeReported(
                outcome=Outcome(
                    id=derived_id("outcome", command),
                    command=command,
                    kind=outcome,
                    command_kind=kind,
                    release=self.release,
                    environment=self.environment,
                    service=self.service,
                    target=self._target(),
                    started_at=self.at(minute - took),
                    at=self.at(minute),
                    detail=detail,
                    template_before=NEW,
                    template_after=OLD if kind is CommandKind.UNDO else NEW,
                )
            )
        )

    def recovery(
        self,
        kind: RecoveryKind,
        text: str,
        *,
        minute: float,
        first_bad: float | None = None,
        acted: float | None = None,
        recovered: float | None = None,
    ) -> "Script":
        command = self.command_id(CommandKind.UNDO)
        return self._say(
            Recovery(
                id=derived_id("recovery", command),
                command=command,
                release=self.release,
                environment=self.environment,
                service=self.service,
                kind=kind,
                at=self.at(minute),
                text=text,
                first_bad_at=None if first_bad is None else self.at(first_bad),
                acted_at=None if acted is None else self.at(acted),
                recovered_at=None if recovered is None else self.at(recovered),
            )
        )

    def paged(self, summary: str, *, minute: float) -> "Script":
        return self._say(
            Page(
                id=derived_id("page", self.release, summary),
                environment=self.environment,
                service=self.service,
                release=self.release,
                about=self._verdict_id,
                summary=summary,
                at=self.at(minute),
            )
        )

    def failure(
        self, pattern: FailurePattern, *, minute: float, failing: int = 2, template: TemplateHash = NEW
    ) -> "Script":
        return self._say(
            FailureSeen(
                failure=Failure(
                    id=self.failure_id(pattern),
                    pattern=pattern,
                    environment=self.environment,
                    service=self.service,
                    target=self._target(),
                    since=self.at(1),
                    at=self.at(minute),
                    template=template,
                    version=self.version,
                    pods=(FailingPod(name="cart-1", uid="u1"),),
                    failing=failing,
                    replicas=3,
                    detail=f"{failing} of 3 pods restart again and again: exit code 1",
                )
            )
        )

    def failure_cleared(self, pattern: FailurePattern, *, minute: float) -> "Script":
        return self._say(
            FailureCleared(
                failure=self.failure_id(pattern),
                environment=self.environment,
                service=self.service,
                at=self.at(minute),
            )
        )

    def failure_id(self, pattern: FailurePattern) -> str:
        return f"{self.environment}-{self.service}-{pattern.replace('_', '-')}-1"

    def closed(self, why: str, *, minute: float) -> "Script":
        return self._say(
            ReleaseClosed(release=self.release, environment=self.environment, at=self.at(minute), why=why)
        )

    def labelled(
        self,
        kind: LabelKind,
        source: LabelSource,
        *,
        trust: float,
        minute: float = 60,
        by: str = "ada via cli",
    ) -> "Script":
        return self._say(
            Labelled(
                label=Label(
                    id=derived_id("label", self.release, source, by, str(minute)),
                    release=self.release,
                    environment=self.environment,
                    service=self.service,
                    kind=kind,
                    source=source,
                    by=by,
                    at=self.at(minute),
                    about=self.release,
                    trust=trust,
                )
            )
        )

    def at(self, minute: float) -> datetime:
        return self.start + timedelta(minutes=minute)

    def decision_id(self, playbook: Playbook) -> DecisionId:
        return decision_id(self.release, playbook)

    def command_id(self, kind: CommandKind) -> CommandId:
        return command_id(self.release, kind, 1)

    def hold_id(self, guard: Guard) -> str:
        return derived_id("hold", self.release, guard)

    def _release(self) -> Release:
        return Release(
            id=self.release,
            environment=self.environment,
            service=self.service,
            version=self.version,
            started_at=self.start,
            template=NEW,
            rollback_template=OLD,
            target=self._target(),
            commit="9a1c3f0",
            event="ci 7",
            team=self.team,
            committed_at=self.committed_at,
            is_rollback=self.is_rollback,
        )

    def _target(self) -> Target:
        return Target(
            kind=TargetKind.DEPLOYMENT,
            cluster="default",
            namespace=self.environment,
            workload=self.service,
        )

    def _say(self, said: Said) -> "Script":
        self._offset += 1
        service_side = isinstance(said, (ReleaseOpened, Evidence, VerdictReached, ReleaseClosed, Recovery))
        self.effects.append(
            Effect(
                key=f"{self.environment}/{self.service}" if service_side else self.environment,
                cause=LogPosition(
                    topic="observations" if service_side else "environment-observations",
                    partition=3,
                    offset=self._offset,
                ),
                index=0,
                said=said,
            )
        )
        return self
