"""One trouble's course: a service under traffic, the strike, and how long until it is well again."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.product_world import World
from bench.remedy_cases import Trouble
from bench.remedy_heard import Account, Listener
from infra.dev import shop_images
from streams.demo.traffic import Tally, Traffic
from streams.demo.waiting import TooLateError

REQUESTS_PER_SECOND = 12.0
QUIET_SECONDS = 40.0
"""How long a service is well before it is struck."""

STEADY_SECONDS = 10.0
"""It is well again when it has been for so long; what counts is when that began."""

PATIENCE_SECONDS = 300.0
_TARGETS_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """How one trouble ended; seconds are from the strike on, None for what did not come.

    Attributes:
        noticed_s: Until the product said that something is wrong.
        ordered_s: Until its first order.
        done_s: Until its last order was done.
        well_s: Until users and operators saw a service that was well and stayed well.
        said_s: Until the product said that it recovered.
        account: What was said.
        requests: Sent from the strike on, the flood left out.
        bad_requests: Of these, failed or slow.
    """

    trouble: Trouble
    noticed_s: float | None
    ordered_s: float | None
    done_s: float | None
    well_s: float | None
    said_s: float | None
    account: Account
    requests: int
    bad_requests: int

    @property
    def is_right(self) -> bool:
        """Return whether the shipped playbook did it, and nothing else was done."""
        playbooks = {order.rpartition(" ")[2].partition("@")[0] for order in self.account.orders}
        return self.well_s is not None and playbooks == {self.trouble.playbook}


def try_trouble(world: World, listener: Listener, trouble: Trouble) -> Mended:
    """Return how a trouble ended.

    Raises:
        SutureError: the service was not well before, or everything was stopped.
    """
    service = trouble.service
    before, after = Tally(), Tally()
    patience = world.patience(QUIET_SECONDS + PATIENCE_SECONDS + 400.0)
    trouble.prepare(world)
    patience.until(lambda: _is_whole(world, trouble), f"ready pods of {service.name}", 240.0)
    with _traffic(world, service.name, before):
        patience.sleep(QUIET_SECONDS)
    with _traffic(world, service.name, after), _flood(world, trouble):
        began = time.monotonic()
        trouble.strike(world)
        wellness, account = _Wellness(world, trouble, after), listener.account(service.name)
        with suppress(TooLateError):
            patience.until(lambda: wellness.since() is not None, service.name, PATIENCE_SECONDS)
            patience.until(lambda: account.recovered is not None, "word of it", 90.0)
        since = wellness.since()
    count = after.count("1"), after.count("2")
    return Mended(
        trouble=trouble,
        noticed_s=_after(account.noticed, began),
        ordered_s=_after(account.ordered, began),
        done_s=_after(account.done, began),
        well_s=_after(since, began),
        said_s=_after(account.recovered, began),
        account=account,
        requests=sum(one.sent for one in count),
        bad_requests=sum(one.bad for one in count),
    )


def _after(instant: float | None, began: float) -> float | None:
    return None if instant is None else round(instant - began, 1)


def _is_whole(world: World, trouble: Trouble) -> bool:
    """Return whether all pods that are wanted are ready, and no other is left."""
    found = world.board.workload(trouble.service.name)
    wanted: int = found.get("spec", {}).get("replicas", 0)
    pods = world.board.pods(trouble.service.name)
    serving = [pod for pod in pods if pod["metadata"]["labels"].get("pod-template-hash")]
    return len(world.board.places(trouble.service.name)) == len(serving) == wanted > 0


class _Wellness:
    """Since when a service is well, as users and operators see it."""

    def __init__(self, world: World, trouble: Trouble, tally: Tally) -> None:
        self._world, self._trouble, self._tally = world, trouble, tally
        self._since: float | None = None

    def since(self) -> float | None:
        """Look, and return since when; None while it is not well, or not for long enough."""
        rates = self._tally.rates().values()
        is_served = bool(rates) and not any(rate.failed_per_second for rate in rates)
        is_well = is_served and _is_whole(self._world, self._trouble) and self._trouble.is_mended(self._world)
        now = time.monotonic()
        self._since = (self._since or now) if is_well else None
        return self._since if self._since is not None and now - self._since >= STEADY_SECONDS else None


@contextmanager
def _traffic(world: World, service: str, tally: Tally) -> Iterator[None]:
    traffic = Traffic(lambda: world.board.places(service), REQUESTS_PER_SECOND, tally, "/")
    traffic.start()
    try:
        yield
    finally:
        traffic.close()


@contextmanager
def _flood(world: World, trouble: Trouble) -> Iterator[None]:
    """Send further requests to whatever pods are ready, however slowly they answer."""
    if not trouble.flood:
        yield
        return
    file, stop = world.folder / f"{trouble.service.name}.targets", threading.Event()

    def write() -> None:
        while True:
            places = world.board.places(trouble.service.name)
            draft = file.with_suffix(".new")
            draft.write_text("".join(f"http://{place.address}/\n" for place in places), encoding="utf-8")
            draft.rename(file)
            if stop.wait(_TARGETS_SECONDS):
                return

    writer = threading.Thread(target=write, name="targets", daemon=True)
    writer.start()
    arguments = ["load", "--from", str(file), "--rate", str(trouble.flood), "--seconds", "600"]
    sender = subprocess.Popen(
        [str(shop_images.shop_binary()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        stop.set()
        sender.terminate()
        sender.wait(30)
        writer.join(10.0)
