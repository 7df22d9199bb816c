"""Random schedules of deliveries, kills, rivals and two executors at once, on a real API server.

    python -m bench.schedules --count 200 --seed 1

Each schedule comes from a seed of its own; `--count 1 --seed N` plays one again. What is drawn is the
same each time; how often an executor looks while it waits for a controller is the machine's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.kubernetes_api import KubernetesApi
from bench.report import Started, report
from bench.schedule_executors import MakeExecutor, deployed
from bench.schedule_laws import again_after_rival, breaches, crossed
from bench.schedule_plan import draw
from bench.schedule_play import play
from bench.schedule_stage import Stage
from infra.dev import cluster

NAMESPACE = "schedules"


@dataclass(frozen=True, slots=True)
class Played:
    """What is kept of a schedule.

    Attributes:
        breaches: Laws that it broke, in words.
        happened: What went wrong in it, with how often.
        outcomes: Kinds of outcomes of its commands.
    """

    seed: int
    breaches: tuple[str, ...]
    commands: int = 0
    deliveries: int = 0
    executions: int = 0
    requests: int = 0
    writes: int = 0
    again_after_rival: int = 0
    crossed: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)


def play_all(
    seeds: Sequence[int], kubeconfig: Path, make: MakeExecutor = deployed, at_once: int = 2
) -> Iterator[Played]:
    """Yield what became of the schedule of each seed, as they end; some are played side by side.

    Args:
        seeds: One for each schedule.
        kubeconfig: A cluster in which the namespace `schedules` is there.
        make: Makes the executors.
        at_once: Schedules side by side; an executor mostly waits.
    """
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe(duplex=False)
    lanes = [seeds[start::at_once] for start in range(at_once)]
    lock = context.Lock()

    def serve(mine: Sequence[int]) -> None:
        for seed in mine:
            played = _play_one(seed, kubeconfig, make)
            with lock:
                far.send(played)

    workers = [context.Process(target=serve, args=(lane,)) for lane in lanes if lane]
    for worker in workers:
        worker.start()
    try:
        for _ in seeds:
            while not near.poll(1.0):
                if not any(worker.is_alive() for worker in workers):
                    raise RuntimeError("schedules ended without a word, see their tracebacks")
            yield near.recv()
    finally:
        for worker in workers:
            worker.join(60.0)
            worker.kill()


def _play_one(seed: int, kubeconfig: Path, make: MakeExecutor) -> Played:
    plan = draw(seed)
    stage = Stage(KubernetesApi.connect(kubeconfig), NAMESPACE, f"s{seed}-{os.getpid()}")
    try:
        story = play(plan, stage, kubeconfig, make)
    except RuntimeError as error:
        return Played(seed, (str(error),))
    return Played(
        seed=seed,
        breaches=tuple(breaches(story)),
        commands=len(plan.orders),
        deliveries=len(plan.lane),
        executions=story.executions,
        requests=story.requests,
        writes=sum(write.command is not None for write in story.writes),
        again_after_rival=again_after_rival(story),
        crossed=crossed(story),
        happened=Counter({blow.value: count for blow, count in story.happened.items()}),
        outcomes=Counter({outcome.id: outcome.kind.value for outcome in story.outcomes}.values()),
    )


def figures(played: Sequence[Played]) -> dict[str, Any]:
    """Return the figures of schedules that were played."""
    happened: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for one in played:
        happened += one.happened
        outcomes += one.outcomes
    total: Callable[[str], int] = lambda name: sum(getattr(one, name) for one in played)  # noqa: E731
    return {
        "schedules": len(played),
        "broken": {str(one.seed): list(one.breaches) for one in played if one.breaches},
        "commands": total("commands"),
        "deliveries": total("deliveries"),
        "executions": total("executions"),
        "requests": total("requests"),
        "writes": total("writes"),
        "again_after_rival": total("again_after_rival"),
        "crossed": total("crossed"),
        "happened": dict(sorted(happened.items())),
        "outcomes": dict(sorted(outcomes.items())),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Play schedules on a cluster of their own and print the figures; 1 when a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="schedules to play")
    parser.add_argument("--seed", type=int, default=1, help="of the first one; the next ones follow")
    given = parser.parse_args(arguments)
    started = Started()
    played: list[Played] = []
    with cluster.running() as dev:
        dev.kubectl("create", "namespace", NAMESPACE)
        for one in play_all(range(given.seed, given.seed + given.count), dev.kubeconfig):
            played.append(one)
            for breach in one.breaches:
                print(f"seed {one.seed}: {breach}", file=sys.stderr)
            if len(played) % 20 == 0:
                print(f"{len(played)} schedules", file=sys.stderr)
    said = figures(played)
    report(said, started, seed=given.seed, packages=("kubernetes",))
    return 1 if said["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
