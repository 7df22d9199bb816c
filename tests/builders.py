"""Builders for tests: batches, releases, ticks and answers, with time as a value that is passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np

from schemas.codec import digest
from schemas.effects import Effect, Said
from schemas.instants import to_ms
from schemas.instruments import InstrumentChanged
from schemas.keys import CommandId, EnvironmentName, ReleaseId, ServiceName, TemplateHash, derived_id
from schemas.observations import (
    Answer,
    Approval,
    Body,
    FreezeSet,
    LogPosition,
    Observation,
    Origin,
    OutcomeReported,
    ReleaseStarted,
    SettingsChanged,
    Tick,
)
from schemas.orders import Command, Outcome, OutcomeKind
from schemas.policy import Policy
from schemas.releases import Release
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field
from schemas.topics import Topic

S = TypeVar("S", bound=Said)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""When the stories' releases begin: the start of a minute."""

DURATION = "http.server.request.duration"
OLD, NEW = TemplateHash("0a0a0a0a0a"), TemplateHash("1b1b1b1b1b")


def minute(number: float) -> datetime:
    """Return an instant, in minutes from the release; negative before it."""
    return START + timedelta(minutes=number)


def a_tick(at: datetime) -> Tick:
    """Return the news that time has passed."""
    return Tick(at=at)


def settings(policy: Policy, at: datetime) -> SettingsChanged:
    """Return the news that this policy holds from now on."""
    return SettingsChanged(policy=policy, digest=digest(policy), at=at)


def a_release(
    service: str = "cart",
    environment: str = "dev",
    version: str = "2",
    at: datetime = START,
    template: str = NEW,
    rollback: str = OLD,
    is_rollback: bool = False,
) -> ReleaseStarted:
    """Return a deploy event that names its template and the one to go back to."""
    return ReleaseStarted(
        release=Release(
            id=ReleaseId(f"{environment}-{service}-{version}"),
            environment=EnvironmentName(environment),
            service=ServiceName(service),
            version=version,
            started_at=at,
            template=TemplateHash(template),
            rollback_template=TemplateHash(rollback),
            event=f"ci {service}-{version}",
            is_rollback=is_rollback,
        )
    )


def requests(
    pod: str,
    end: datetime,
    count: float = 300,
    errors: float = 0,
    mean_s: float = 0.1,
    template: str = OLD,
    version: str = "",
) -> list[tuple[Series, datetime, float]]:
    """Return a pod's requests of the minute that ends at an instant, as deltas."""

    def series(field: Field, code: str) -> Series:
        return Series(
            metric=DURATION,
            field=field,
            temporality=Temporality.DELTA,
            pod=pod,
            version=version,
            template=TemplateHash(template),
            attributes=(("http.response.status_code", code),),
        )

    said = [
        (series(Field.COUNT, "200"), end, count - errors),
        (series(Field.SUM, "200"), end, mean_s * count),
    ]
    return [*said, (series(Field.COUNT, "500"), end, errors)] if errors else said


def a_batch(
    samples: Iterable[tuple[Series, datetime, float]], service: str = "cart", environment: str = "dev"
) -> SampleBatch:
    """Return samples as one batch."""
    table: dict[Series, int] = {}
    rows = [(table.setdefault(series, len(table)), to_ms(at), value) for series, at, value in samples]
    return SampleBatch(
        environment=EnvironmentName(environment),
        service=ServiceName(service),
        series=tuple(table),
        series_ids=np.array([row[0] for row in rows], dtype=np.int32),
        times_ms=np.array([row[1] for row in rows], dtype=np.int64),
        values=np.array([row[2] for row in rows], dtype=np.float64),
    )


def an_answer(
    hold: str, answer: Answer, at: datetime, environment: str = "prod", by: str = "ann"
) -> Approval:
    """Return a human's answer to a hold."""
    return Approval(
        environment=EnvironmentName(environment), hold=hold, answer=answer, by=by, channel="cli", at=at
    )


def a_freeze(until: datetime, at: datetime, environment: str = "dev") -> FreezeSet:
    """Return a freeze of an environment."""
    return FreezeSet(environment=EnvironmentName(environment), until=until, by="ann", at=at, why="holidays")


def an_instrument(
    reason: str, at: datetime, service: str = "cart", environment: str = "dev", name: str = "prometheus main"
) -> InstrumentChanged:
    """Return the news that a service's instrument is broken for a reason, or works again for none."""
    return InstrumentChanged(
        environment=EnvironmentName(environment),
        service=ServiceName(service),
        instrument=name,
        is_working=not reason,
        reason=reason,
        at=at,
    )


def an_outcome(command: Command, at: datetime, kind: OutcomeKind = OutcomeKind.DONE) -> OutcomeReported:
    """Return what an executor would report of a command."""
    return OutcomeReported(
        outcome=Outcome(
            id=derived_id("outcome", CommandId(command.id)),
            command=command.id,
            kind=kind,
            command_kind=command.kind,
            release=command.release,
            environment=command.environment,
            service=command.service,
            target=command.target,
            started_at=at,
            at=at,
            detail="in a test",
            template_before=command.expected_template,
            template_after=command.template,
            remedy=command.remedy,
            awaited=command.awaited,
        )
    )


class Log:
    """One partition of an ordered topic in the making: gives every observation its place."""

    def __init__(self, topic: Topic = Topic.OBSERVATIONS, partition: int = 0) -> None:
        self._topic, self._partition = topic, partition
        self.entries: list[Observation] = []

    def put(self, key: str, body: Body, origin: Origin | None = None) -> Observation:
        """Append an observation and return it."""
        position = LogPosition(topic=self._topic.value, partition=self._partition, offset=len(self.entries))
        entry = Observation(key=key, body=body, position=position, origin=origin)
        self.entries.append(entry)
        return entry


def counted(effects: Iterable[Effect]) -> Mapping[str, int]:
    """Return how often each kind of thing was said."""
    found: dict[str, int] = {}
    for effect in effects:
        name = type(effect.said).__name__
        found[name] = found.get(name, 0) + 1
    return found


def said(effects: Iterable[Effect], kind: type[S]) -> list[S]:
    """Return what was said of one kind, in order."""
    return [effect.said for effect in effects if isinstance(effect.said, kind)]
