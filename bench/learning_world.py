"""Releases of known truth as lessons: what the engine said of each at every look, to be held against others.

Two worlds. ChangeRCA's recorded changes, of real services. And generated pairs (`bench.pairs_cells`), spread
over twelve services, some of which are noisy in one way or another.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf, isfinite
from pathlib import Path
from typing import Any

from bench.changerca_data import changes_of
from bench.pairs import START, batches
from bench.pairs_cells import hard_cells
from bench.pairs_data import PairRun
from detectors.defaults import pair_rule, pod_minute_rule
from detectors.watch import look, open_watch
from detectors.windows import ServiceWindow
from feature_store.lessons import CALLERS, Lesson
from feature_store.lessons_read import tracks_of
from feature_store.training import delay_and_false
from schemas.codec import digest
from schemas.judgements import Evidence
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.observations import ReleaseOpened
from schemas.policy import Autonomy, Policy, Rule
from schemas.profiles import Profile, adjusted
from schemas.releases import Release
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import read_rows

SERVICES = 12
"""Of the generated world."""

_BENCH, _PAIRS = EnvironmentName("bench"), ServiceName("pairs")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """One release and the truth about it.

    Attributes:
        lesson: What was said of it under the shipped rule; its labels are not filled in.
        group: What it must not be judged by when others of it were learnt from: its case or its number.
        minute: When the shipped rule convicts it, in minutes since its start; infinity for never.
    """

    lesson: Lesson
    is_bad: bool
    group: str
    minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """A world's releases, and the policy that they were judged by."""

    known: tuple[Known, ...]
    policy: Policy
    is_generated: bool


def changerca(folder: Path) -> Releases:
    """Return ChangeRCA's changes, each until its rollout went on.

    Raises:
        FileNotFoundError: the folder lacks the recording or its labels.
    """
    rows = read_rows(folder / "replay.jsonl.gz")
    with (folder / "labels.csv").open(encoding="utf-8") as lines:
        truth = {row["change_id"]: row["bad"] == "1" for row in csv.DictReader(lines)}
    by_service = {(change.environment, change.service): change for change in changes_of(rows)}
    opened: dict[str, Release] = {}
    said: dict[str, list[Evidence]] = defaultdict(list)
    for effect in effects_of_pod_minutes(rows):
        if isinstance(effect.said, ReleaseOpened):
            opened[effect.said.release.id] = effect.said.release
        elif isinstance(effect.said, Evidence) and effect.said.release in opened:
            said[effect.said.release].append(effect.said)
    policy = Policy(rules={"*/*": pod_minute_rule(Autonomy.ALONE)})
    known: list[Known] = []
    for name, release in sorted(opened.items()):
        change = by_service[release.environment, release.service]
        timely = [one for one in said[name] if one.at.timestamp() <= change.next_step]
        # A case is an environment there; as a year of one installation all of them are one.
        at = EnvironmentName("prod")
        known += _known(replace(release, environment=at), timely, truth[change.id], change.case, policy)
    return Releases(known=tuple(known), policy=policy, is_generated=False)


def generated(runs: int, seed: int) -> Releases:
    """Return so many releases of each cell; services take turns within a cell."""
    known: list[Known] = []
    made = hard_cells(runs, seed)
    kinds = {name: signal.is_count for name, signal in made[0][1].signals.items()}
    rule = pair_rule(kinds)
    policy = Policy(rules={"*/*": rule})
    for number, (cell, run) in enumerate(made):
        release = Release(
            id=ReleaseId(f"run-{number:05d}"),
            environment=EnvironmentName("prod"),
            service=ServiceName(f"service-{number % SERVICES:02d}"),
            version="2",
            started_at=START,
        )
        known += _known(release, _said_of(run, rule), cell.startswith("bad"), str(number), policy)
    return Releases(known=tuple(known), policy=policy, is_generated=True)


def minute_under(lesson: Lesson, policy: Policy, profile: Profile | None) -> float | None:
    """Return the minute at which a release would be convicted with what was learnt; None for never."""
    tried = profile or Profile()
    as_bad, as_good = (replace(lesson, p_bad=p_bad, weight=1.0) for p_bad in (1.0, 0.0))
    ((_, _, minute),), _ = delay_and_false([as_bad], policy, None, tried)
    _, ((_, is_false),) = delay_and_false([as_good], policy, None, tried)
    return minute if is_false else None


def _known(
    release: Release, said: Iterable[Evidence], is_bad: bool, group: str, policy: Policy
) -> Iterable[Known]:
    tracks = dict(tracks_of(sorted(_rows(said), key=lambda row: (row[1], row[2], row[3])), _s(release)))
    if not tracks:
        return
    lesson = Lesson(
        release=release.id,
        environment=release.environment,
        service=release.service,
        started_at=release.started_at,
        p_bad=0.5,
        weight=0.0,
        has_label=False,
        watched_min=max(float(track.minutes[-1]) for track in tracks.values()),
        tracks=tracks,
    )
    minute = minute_under(lesson, policy, None)
    yield Known(lesson=lesson, is_bad=is_bad, group=group, minute=inf if minute is None else minute)


def _s(release: Release) -> float:
    return release.started_at.timestamp()


def _rows(said: Iterable[Evidence]) -> Iterable[tuple[Any, ...]]:
    for one in said:
        yield (
            one.release,
            CALLERS if one.detector == "callers" else str(one.signal),
            one.at.timestamp(),
            one.edge,
            one.log_e,
            one.threshold_log_e,
            one.is_shared,
            one.canary.level,
            one.canary.exposure,
            one.control.level,
            one.control.exposure,
            one.margin,
        )


def judged_anew(runs: int, seed: int, profiles: Mapping[str, Profile | None]) -> dict[str, float | None]:
    """Return when the engine itself convicts generated releases with what was learnt: sizes tell there, too.

    Args:
        runs: As in `generated`.
        seed: As in `generated`.
        profiles: By group; releases of other groups are left out.
    """
    minutes: dict[str, float | None] = {}
    made = hard_cells(runs, seed)
    rule = pair_rule({name: signal.is_count for name, signal in made[0][1].signals.items()})
    for number, (_, run) in enumerate(made):
        if str(number) in profiles:
            profile = profiles[str(number)]
            service = ServiceName(f"service-{number % SERVICES:02d}")
            learnt = None if profile is None else profile.adjustment(EnvironmentName("prod"), service)
            said = _said_of(run, adjusted(rule, learnt))
            bad = [one.at for one in said if one.convicts and not one.is_shared]
            minutes[str(number)] = (min(bad) - START) / timedelta(minutes=1) if bad else None
    return minutes


def _said_of(run: PairRun, rule: Rule) -> list[Evidence]:
    """Return the evidence of all looks at a generated release, to its end."""
    window, watch, named = ServiceWindow(), None, digest(rule)
    release = Release(
        id=ReleaseId(f"run-{run.run}"), environment=_BENCH, service=_PAIRS, version="2", started_at=START
    )
    said: list[Evidence] = []
    for minute, batch in batches(run):
        now = START + timedelta(minutes=minute + 1)
        window.add_samples(batch, rule, now)
        if watch is None:
            watch = open_watch(release, window, rule, now)
            continue
        seen = look(watch, window, rule, named, now + rule.judge.lateness)
        if seen is not None:
            said += seen.evidence
    return said


def counts(known: Sequence[Known]) -> Mapping[str, int]:
    """Return how many releases there are, and how the shipped rule does on them."""
    bad = [one for one in known if one.is_bad]
    good = [one for one in known if not one.is_bad]
    return {
        "releases": len(known),
        "bad": len(bad),
        "services": len({one.lesson.key for one in known}),
        "found_by_the_rules": sum(isfinite(one.minute) for one in bad),
        "false_by_the_rules": sum(isfinite(one.minute) for one in good),
    }


def moved(lesson: Lesson, number: int, at: datetime) -> Lesson:
    """Return a lesson as another release, of another day."""
    return replace(lesson, release=ReleaseId(f"{lesson.release}-{number}"), started_at=at)
