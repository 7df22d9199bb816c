"""Canaries on a real cluster that Argo Rollouts promotes or aborts by our verdict: which, and how soon.

`python -m bench.argo_canaries --count 20 --bad 10 --seed 7` starts a cluster with Argo Rollouts' controller,
Kafka, Suture's workers and gateway and the documented collector. Each canary is a Rollout of real pods under
real traffic, whose analysis asks the gateway by `infra/argo/analysis-template.yaml`. It prints one JSON
object: every canary's fate and seconds from the new template to it, and counts by kind and fate. What Argo's
own progress deadline aborted is told from what our verdict did. Needs root on Linux, Java and Go.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.canary_kinds import CanaryKind, drawn, named
from bench.canary_trial import Fate, Tried, try_canary
from bench.canary_world import canary_world
from bench.product_world import World
from bench.report import Started, report
from infra.dev import argo, cluster, kafka

SIDE_BY_SIDE = 5
"""Canaries at once. More of them starve one another of two processors, and are then late, not wrong."""


def try_all(
    world: World, kinds: Sequence[CanaryKind], at_once: int, tell: Callable[[Tried], None]
) -> list[Tried]:
    """Return how each canary fared, in the order given.

    Args:
        world: Where.
        kinds: What is released, one service each.
        at_once: How many are under way at any time.
        tell: Called with each as it ends.

    Raises:
        SutureError: one of them could not be tried; the others are stopped.
    """
    with ThreadPoolExecutor(at_once, "canary") as pool:
        under_way: list[Future[Tried]] = [
            pool.submit(try_canary, world, kind, f"shop-{number:02d}-{kind.name}")
            for number, kind in enumerate(kinds)
        ]
        try:
            waiting = set(under_way)
            while waiting:
                world.tend()
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for one in done:
                    tell(one.result())
        except BaseException:  # also on Ctrl-C: trials under way must end before their world does
            world.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        return [one.result() for one in under_way]


def figures(tried: Sequence[Tried]) -> dict[str, Any]:
    """Return the report's figures: every canary, and counts and seconds by kind."""
    bad = [one for one in tried if one.kind.is_bad]
    good = [one for one in tried if not one.kind.is_bad]
    return {
        "canaries": [_told(one) for one in tried],
        "by_kind": {
            name: _by_fate(one for one in tried if one.kind.name == name)
            for name in sorted({one.kind.name for one in tried})
        },
        "good": len(good),
        "good_promoted": _count(good, Fate.PROMOTED),
        "false_aborts": sum(one.fate in (Fate.ABORTED, Fate.DEADLINE, Fate.OTHERWISE) for one in good),
        "bad": len(bad),
        "bad_aborted_by_verdict": _count(bad, Fate.ABORTED),
        "bad_aborted_by_argo": _count(bad, Fate.DEADLINE) + _count(bad, Fate.OTHERWISE),
        "bad_promoted": _count(bad, Fate.PROMOTED),
        "undecided": sum(one.fate in (Fate.PAUSED, Fate.TIMEOUT) for one in tried),
        "seconds_to_abort_by_verdict": _seconds(bad, Fate.ABORTED),
        "seconds_to_promotion": _seconds(good, Fate.PROMOTED),
    }


def _told(one: Tried) -> dict[str, Any]:
    return {
        "kind": one.kind.name,
        "asks": one.kind.asks.value,
        "is_bad": one.kind.is_bad,
        "fate": one.fate.value,
        "seconds": one.seconds,
        "verdict": one.verdict,
        "reason": one.reason,
        "message": one.message,
        "requests": one.requests,
        "bad_requests": one.bad_requests,
    }


def _by_fate(tried: Iterable[Tried]) -> dict[str, Any]:
    fates = list(tried)
    counts = Counter(one.fate.value for one in fates)
    return {**dict(sorted(counts.items())), "seconds": [one.seconds for one in fates]}


def _count(tried: Sequence[Tried], fate: Fate) -> int:
    return sum(one.fate is fate for one in tried)


def _seconds(tried: Sequence[Tried], fate: Fate) -> dict[str, float] | None:
    found = [one.seconds for one in tried if one.fate is fate and one.seconds is not None]
    if not found:
        return None
    return {"median": round(median(found), 1), "least": min(found), "most": max(found)}


def _tell(one: Tried) -> None:
    mark = "" if one.is_right else "   WRONG"
    after = "" if one.seconds is None else f" after {one.seconds:.0f} s"
    print(f"{one.service}: {one.fate}{after}; verdict {one.verdict}: {one.reason}{mark}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Canaries that Argo promotes or aborts by our verdict.")
    parser.add_argument("--count", type=int, default=20, help="canaries")
    parser.add_argument("--bad", type=int, default=10, help="of these, bad ones")
    parser.add_argument("--seed", type=int, default=1, help="draws their order")
    parser.add_argument("--at-once", type=int, default=SIDE_BY_SIDE, help="canaries side by side")
    parser.add_argument("--kinds", default="", help="instead of drawn ones: names, separated by commas")
    given = parser.parse_args(arguments)
    started = Started()
    kinds = named(given.kinds) if given.kinds else drawn(given.count, given.bad, given.seed)
    folder = Path(tempfile.mkdtemp(prefix="suture-canaries-"))
    with ExitStack() as stack:
        dev = stack.enter_context(cluster.running())
        stack.enter_context(argo.running(dev))
        broker = stack.enter_context(kafka.running())
        world = stack.enter_context(canary_world(dev.kubeconfig, broker.bootstrap, folder))
        tried = try_all(world, kinds, given.at_once, _tell)
    report(figures(tried), started, seed=given.seed)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
