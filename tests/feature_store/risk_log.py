"""A log of many releases for models of risk: builds, verdicts, rollbacks and labels, drawn from a seed."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from feature_store.journal import Journal
from schemas.effect_messages import said_at
from schemas.effects import Effect, Said
from schemas.judgements import Suspicion, Verdict, VerdictKind
from schemas.keys import (
    CommandId,
    EnvironmentName,
    ServiceName,
    release_id,
)
from schemas.labels import LabelKind, Labelled, human_label
from schemas.observations import LogPosition, OutcomeReported, ReleaseOpened, VerdictReached
from schemas.orders import CommandKind, Outcome, OutcomeKind
from schemas.quality import BuildAssessed, GateOutcome
from schemas.releases import Release, Target, TargetKind
from schemas.reports import Indicator
from tests.feature_store.script import NEW, OLD, START

PROD = EnvironmentName("prod")


def a_release(service: str, number: int, at: datetime) -> Release:
    version = f"1.{number}"
    return Release(
        id=release_id(PROD, ServiceName(service), version, "ci", str(number)),
        environment=PROD,
        service=ServiceName(service),
        version=version,
        started_at=at,
        committed_at=at - timedelta(hours=5),
    )


def assessed(
    release: Release, author: str = "", minutes_before: float = 10, **indicators: float
) -> BuildAssessed:
    return BuildAssessed(
        environment=release.environment,
        service=release.service,
        version=release.version,
        at=release.started_at - timedelta(minutes=minutes_before),
        outcome=GateOutcome.PASS,
        score=95.0,
        failure_chance=0.1,
        indicators=tuple(Indicator(name=name, value=value) for name, value in indicators.items()),
        author=author,
    )


def judged(release: Release, kind: VerdictKind, minutes: float = 30) -> VerdictReached:
    verdict = Verdict(
        id=f"v-{release.id}",
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        kind=kind,
        at=release.started_at + timedelta(minutes=minutes),
        ordinal=1,
        is_final=True,
        confidence=0.999 if kind is VerdictKind.HARMFUL else 0.0,
        alpha=0.01,
        first_bad_at=release.started_at if kind is VerdictKind.HARMFUL else None,
        reasons=("a reason",),
        evidence=(),
        settings="s",
    )
    suspicion = Suspicion(
        release=release.id,
        service=release.service,
        environment=release.environment,
        at=verdict.at,
        started_at=release.started_at,
        own_log_e=0.0,
    )
    return VerdictReached(verdict=verdict, suspicion=suspicion, release=release)


def undone(release: Release, minutes: float = 35) -> OutcomeReported:
    at = release.started_at + timedelta(minutes=minutes)
    outcome = Outcome(
        id=f"o-{release.id}",
        command=CommandId(f"c-{release.id}"),
        command_kind=CommandKind.UNDO,
        release=release.id,
        environment=release.environment,
        service=release.service,
        target=Target(kind=TargetKind.DEPLOYMENT, cluster="c", namespace="n", workload=release.service),
        kind=OutcomeKind.DONE,
        detail="done",
        started_at=at,
        at=at,
        template_before=NEW,
        template_after=OLD,
    )
    return OutcomeReported(outcome=outcome)


def labelled(release: Release, kind: LabelKind, hours: float, by: str = "ada via cli") -> Labelled:
    return Labelled(
        label=human_label(
            release=release.id,
            environment=release.environment,
            service=release.service,
            kind=kind,
            by=by,
            at=release.started_at + timedelta(hours=hours),
        )
    )


def effects_of(said: Iterable[Said]) -> list[Effect]:
    """Return what was said as effects of one partition, in the order of time."""
    ordered = sorted(said, key=said_at)
    return [
        Effect(
            key=PROD,
            cause=LogPosition(topic="environment-observations", partition=3, offset=offset),
            index=0,
            said=item,
        )
        for offset, item in enumerate(ordered)
    ]


def write_said(root: Path, said: Iterable[Said]) -> None:
    """Write what was said to a journal in a folder."""
    journal = Journal(root, clock=lambda: START)
    journal.append(3, list(enumerate(effects_of(said))))
    journal.flush()


@dataclass(frozen=True, slots=True)
class Told:
    """What a history says, and which of its releases truly were bad."""

    said: Sequence[Said]
    bad: dict[str, bool]


def a_history(releases: int, seed: int = 1, services: Sequence[str] = ("cart", "stock", "pay")) -> Told:
    """Return a history in which large changes and one service are bad more often."""
    draw = random.Random(seed)
    said: list[Said] = []
    bad: dict[str, bool] = {}
    for number in range(releases):
        service = services[number % len(services)]
        release = a_release(service, number, START + timedelta(hours=3 * number))
        lines = float(int(draw.lognormvariate(4.0, 1.2)))
        chance = 0.05 + 0.5 * (lines > 120) + (0.25 if service == services[0] else 0.0)
        is_bad = draw.random() < chance
        bad[release.id] = is_bad
        build = assessed(release, draw.choice(["ada", "grace", "linus"]), change_lines=lines, tests_run=80.0)
        said += [build, ReleaseOpened(release=release)]
        if is_bad:
            said += [
                judged(release, VerdictKind.HARMFUL),
                undone(release),
                labelled(release, LabelKind.BAD, 2),
            ]
        else:
            said += [judged(release, VerdictKind.HEALTHY), labelled(release, LabelKind.GOOD, 24)]
    return Told(said=said, bad=bad)
