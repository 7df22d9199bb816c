"""What is learnt of a service's past as time goes on, and what must not be: memory beside releases.

Bins close and are learnt. While a release is open they are staged: a release that ends healthy commits them
and leaves a record, any other end drops them. After a harmful verdict nothing is learnt until the service
recovered or a later release ended healthy: damage must not become what is usual. A release that is rolled
back after it was called healthy takes what was learnt since its beginning with it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from detectors.history import (
    BY_VERDICT,
    GoodRelease,
    ReleaseHistory,
    moved_since,
    warming_of,
    without_warming,
)
from detectors.panels import Panel, edges_of, panel
from detectors.seasonal import BIN_MS, MOST_KEYS, SeasonMemory, daily_movement
from detectors.sides import sides
from detectors.windows import ServiceWindow
from schemas.instants import to_ms
from schemas.keys import TemplateHash
from schemas.policy import Rule
from schemas.releases import Release
from schemas.signals import Signal, SignalKind

Floats = NDArray[np.float64]

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class PastMemory:
    """A service's past, as far as it may be believed.

    Attributes:
        clean_from_ms: What is older and was not learnt yet may be spoilt, and never is.
        is_spoilt: A release did harm, and nobody saw the service well since.
    """

    seasons: SeasonMemory = field(default_factory=SeasonMemory)
    history: ReleaseHistory = field(default_factory=ReleaseHistory)
    clean_from_ms: int = 0
    is_spoilt: bool = False

    def release_began(self, at: datetime) -> None:
        """Hold back what was learnt since a release began, until it is verified."""
        self.seasons.stage_from(to_ms(at))

    def did_harm(self) -> None:
        """Stop learning: a release was judged harmful."""
        self.is_spoilt = True
        self.seasons.drop_staged()

    def ended_unverified(self, now: datetime) -> None:
        """Forget a release's time: its watch ended and nobody knows whether it is good."""
        self.seasons.drop_staged()
        self._nothing_before(now)

    def rolled_back(self, release: str, now: datetime) -> None:
        """Forget a release's time: it was undone, perhaps after it was called healthy."""
        record = self.history.forget(release)
        if record is not None:
            self.seasons.stage_from(to_ms(record.started_at))
        self.seasons.drop_staged()
        self._nothing_before(now)

    def recovered(self, now: datetime) -> None:
        """Learn again: the service is seen well after an action."""
        self.is_spoilt = False
        self._nothing_before(now)

    def verified(self, record: GoodRelease) -> None:
        """Keep a good release's record and what was learnt in its time."""
        self.is_spoilt = False
        self.seasons.commit()
        self.history.keep(record)

    def _nothing_before(self, now: datetime) -> None:
        self.clean_from_ms = max(self.clean_from_ms, to_ms(now))


def learn(
    past: PastMemory, window: ServiceWindow, rule: Rule, now: datetime, open_since: datetime | None
) -> None:
    """Learn the bins that closed since the last call.

    Args:
        past: The memory, brought up to date.
        window: The service's window, which still holds what is to be learnt.
        rule: The rule that holds for it.
        now: The log's time.
        open_since: When the release under watch began; None when there is none.
    """
    seasons = past.seasons
    closed = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // BIN_MS
    if closed <= seasons.learnt_until or window.width_ms <= 0 or window.began_ms is None:
        return
    kept_ms = max(window.floor * window.width_ms, window.began_ms, past.clean_from_ms)
    first = max(seasons.learnt_until, -(-kept_ms // BIN_MS))
    if not past.is_spoilt:
        pods = tuple(key for key in sorted(window.pods) if not window.pods[key].observer)
        since = closed if open_since is None else to_ms(open_since) // BIN_MS
        for signal in rule.signals:
            # A bound that is learnt anew at each look makes no series that earlier days could tell of.
            if signal.bound_share is None:
                _learn_signal(past, window, signal, pods, (first, closed, since))
    seasons.learnt_until = closed
    seasons.forget_before(to_ms(now))
    past.history.expire(now)


def _learn_signal(
    past: PastMemory,
    window: ServiceWindow,
    signal: Signal,
    pods: tuple[str, ...],
    bins: tuple[int, int, int],
) -> None:
    """Learn a signal's bins `first` to `closed` - 1; those from `since` on are staged."""
    first, closed, since = bins
    edges = [-(-index * BIN_MS // window.width_ms) for index in range(first, closed + 1)]
    for caller in edges_of(window, pods, signal) if first < closed else ():
        said = panel(window, pods, signal, caller, edges[0], edges[-1])
        events, exposure = said.totals()
        for place, index in enumerate(range(first, closed)):
            part = slice(edges[place] - edges[0], edges[place + 1] - edges[0])
            past.seasons.put(
                track_key(signal, caller),
                index,
                float(events[part].sum()),
                float(exposure[part].sum()),
                is_staged=index >= since,
            )


def record_of(
    past: PastMemory,
    window: ServiceWindow,
    rule: Rule,
    release: Release,
    template: TemplateHash,
    now: datetime,
    verified_by: str = BY_VERDICT,
) -> GoodRelease:
    """Return the record of a release that is verified now.

    Args:
        past: What was known before, which tells what the time of day explains.
        window: The service's window, which still holds the release's watch.
        rule: The rule that holds for it.
        release: What was deployed.
        template: The release's template, learnt if need be; "" when unknown.
        now: The log's time.
        verified_by: `BY_VERDICT`, or the human who said so.
    """
    width = window.width_ms
    start = max(to_ms(release.started_at) // width, window.floor)
    end = max((to_ms(now) - rule.judge.lateness // _MILLISECOND) // width, start)
    quiet = max(start - rule.judge.quiet // rule.judge.interval, window.floor)
    record = GoodRelease(
        release=release.id,
        version=release.version,
        started_at=release.started_at,
        verified_at=now,
        verified_by=verified_by,
        intervals=end - start,
    )
    found = sides(window, release, template)
    ages = ages_of(window, found.canary, start, end)
    instants = np.arange(start, end, dtype=np.float64) * width + 0.5 * width
    for signal in rule.signals:
        if signal.kind is SignalKind.COUNTS:
            continue
        for caller in edges_of(window, (*found.canary, *found.stable), signal):
            key = track_key(signal, caller)
            if len(record.moved) >= MOST_KEYS:
                break
            canary = panel(window, found.canary, signal, caller, start, end)
            stable = panel(window, found.stable, signal, caller, start, end)
            before = panel(window, found.stable, signal, caller, quiet, start)
            lead = float(before.events.sum()) / max(float(before.exposure.sum()), 1e-12)
            expected = daily_movement(past.seasons, key, (quiet * width, start * width), instants)
            twins = _level(stable)
            if expected is not None:
                twins = np.where(np.isfinite(twins), twins, lead * expected.ratio)
            warming = warming_of(canary.levels, twins, ages)
            record.warming[key] = warming
            # What fresh pods cost is told by their age, and must not be taken off twice.
            record.moved[key] = moved_since(lead, _level(without_warming(canary, warming, ages)), expected)
    return record


def ages_of(window: ServiceWindow, pods: tuple[str, ...], start: int, end: int) -> NDArray[np.int64]:
    """Return the intervals since each pod's first word, (pods, intervals), negative before it.

    A pod that is older than what the window keeps is taken to be as old as that, which is old enough.
    """
    first = [window.pods[key].spoken.first for key in pods]
    return np.arange(start, end, dtype=np.int64)[None, :] - np.array(first, dtype=np.int64)[:, None]


def track_key(signal: Signal, edge: str) -> str:
    """Return what a signal of an edge is remembered by."""
    return f"{signal.name}|{edge}"


def _level(said: Panel) -> Floats:
    """Return the level of all pods together, (intervals,), NaN where nothing was said."""
    events, exposure = said.totals()
    return np.where(exposure > 0, events / np.where(exposure > 0, exposure, 1.0), np.nan)
