"""What a cluster tells of pods, live, does no harm: not under their own names, and not under strange ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import PodChange, PodChanged, VerdictReached
from schemas.orders import Command, CommandKind
from tests.builders import OLD, minute, said
from tests.scenarios.playing import FOLDER, play
from tests.streams.world import World

STORIES = ["good_canary", "bad_canary", "silent_canary", "no_data", "traffic_collapse", "neighbours_damage"]

Named = Callable[[str, str], str]


def own(service: str, pod: str) -> str:
    return f"{service}-{pod}"


def strange(service: str, pod: str) -> str:
    """Telemetry calls an instance by an id of its own; the cluster's name for it is never heard there."""
    return f"{service}-7fb6bbd68c-{pod}{pod}{pod}"


def told_of_pods(story: str, named: Named, version: str) -> dict[int, list[tuple[str, PodChanged]]]:
    """Return what a watcher says of a story's pods, by the minute after which it says so."""
    found: dict[int, list[tuple[str, PodChanged]]] = {}
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (FOLDER / f"{story}.jsonl").read_text().splitlines()
    ]
    for line in (line for line in lines if "pods" in line):
        service, environment = line.get("service", "cart"), line.get("environment", "dev")
        for pod in line["pods"]:
            change = PodChanged(
                environment=EnvironmentName(environment),
                service=ServiceName(service),
                pod=named(service, pod),
                version=version,
                template=TemplateHash(line.get("template", OLD)),
                change=PodChange.READY,
                at=minute(line["from"]),
            )
            found.setdefault(line["from"], []).append((f"{environment}/{service}", change))
    return found


def outcome(world: World) -> list[tuple[ReleaseId, str]]:
    """Return what was judged in the end, and what was ordered, by release."""
    verdicts = {one.verdict.release: one.verdict.kind.value for one in said(world.effects, VerdictReached)}
    orders = {(one.release, one.kind.value) for one in said(world.effects, Command)}
    return sorted(verdicts.items()) + sorted(orders)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(
    ("named", "version"),
    [(own, ""), (strange, ""), (strange, "v9")],
    ids=["own", "strange", "strange-version"],
)
def test_a_story_ends_as_it_does_without_a_watcher(story: str, named: Named, version: str) -> None:
    pods = told_of_pods(story, named, version)
    world = play(story, lambda at, number: [at.put(key, one) for key, one in pods.get(number, [])])
    assert outcome(world) == outcome(play(story))


def test_these_stories_hold_rollbacks_promotions_and_ways_not_to_know() -> None:
    ends = [end for story in STORIES for end in outcome(play(story))]
    kinds = {kind for _, kind in ends}
    assert {"harmful", "healthy", "nodata", CommandKind.UNDO, CommandKind.PROMOTE} <= kinds
