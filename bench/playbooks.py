"""The shipped playbooks against real troubles of real pods: what each did, and how soon the service was well.

`python -m bench.playbooks` starts a cluster, Kafka, Suture's parts with the watcher and the executor, and the
documented collector. Services are under traffic, each meets a trouble of its own, and nobody helps. It
prints one JSON object: for every trouble the orders that were given, and the seconds from the strike until it
was noticed, ordered, done, and until users and operators saw a service that stayed well. Needs root on Linux,
Java and Go.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.product_world import World
from bench.remedy_cases import Trouble, troubles
from bench.remedy_heard import Listener
from bench.remedy_trial import Mended, try_trouble
from bench.remedy_world import remedy_world
from bench.report import Started, report
from infra.dev import cluster, kafka


def try_troubles(
    world: World, listener: Listener, chosen: Sequence[Trouble], at_once: int, tell: Callable[[Mended], None]
) -> list[Mended]:
    """Return how each trouble ended, in the order given.

    Args:
        world: Where.
        listener: Hears what the product says.
        chosen: The troubles, each of a service of its own.
        at_once: How many are under way at any time.
        tell: Called with each as it ends.

    Raises:
        SutureError: one of them could not be tried; the others are stopped.
    """
    with ThreadPoolExecutor(at_once, "trouble") as pool:
        under_way = [pool.submit(try_trouble, world, listener, one) for one in chosen]
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


def told(one: Mended) -> dict[str, Any]:
    """Return how one trouble ended, as a report says it."""
    return {
        "trouble": one.trouble.name,
        "playbook": one.trouble.playbook,
        "orders": one.account.orders,
        "noticed_as": one.account.pattern,
        "noticed_s": one.noticed_s,
        "ordered_s": one.ordered_s,
        "done_s": one.done_s,
        "well_s": one.well_s,
        "said_s": one.said_s,
        "requests": one.requests,
        "bad_requests": one.bad_requests,
        "failed_orders": one.account.failures,
        "withheld": one.account.withheld,
        "is_right": one.is_right,
    }


def table(mended: Sequence[Mended]) -> str:
    """Return a table for people."""
    head = f"{'trouble':32} {'orders':46} {'noticed':>8} {'ordered':>8} {'done':>7} {'well':>7} {'said':>7}"
    lines = [head]
    for one in mended:
        orders = ", ".join(one.account.orders) or "none"
        times = (one.noticed_s, one.ordered_s, one.done_s, one.well_s, one.said_s)
        columns = " ".join(f"{'-' if value is None else f'{value:.0f} s':>7}" for value in times)
        lines.append(f"{one.trouble.name:32} {orders:46} {columns}{'' if one.is_right else '  WRONG'}")
    return "\n".join(lines)


def tell(one: Mended) -> None:
    """Print how one trouble ended, as it ends."""
    said = "; ".join([*one.account.failures, *one.account.withheld])
    print(f"{one.trouble.name}: well after {one.well_s} s, by {one.account.orders}; {said}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="The shipped playbooks against real troubles of real pods.")
    parser.add_argument("--at-once", type=int, default=6, help="troubles side by side")
    parser.add_argument("--only", default="", help="playbook whose troubles are tried alone")
    parser.add_argument("--keep", type=Path, help="folder for logs and journal; without it they go")
    given = parser.parse_args(arguments)
    started = Started()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="suture-playbooks-"))
    with ExitStack() as stack:
        dev = stack.enter_context(cluster.running())
        broker = stack.enter_context(kafka.running())
        world = stack.enter_context(remedy_world(dev.kubeconfig, broker.bootstrap, folder))
        listener = stack.enter_context(Listener(world.settings))
        chosen = [one for one in troubles(world.folder) if given.only in ("", one.playbook)]
        mended = [
            one
            for is_last in (False, True)
            for one in try_troubles(
                world, listener, [each for each in chosen if each.comes_alone is is_last], given.at_once, tell
            )
        ]
    print(table(mended), file=sys.stderr)
    figures = {"troubles": [told(one) for one in mended], "mended": sum(one.is_right for one in mended)}
    report(figures, started)
    if given.keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
