"""Pairs: one release under both contenders' settings, with what is known of it, as numbers to add up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.keys import ReleaseId
from streams.backtest_releases import Fate
from streams.backtest_truth import Truth

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One release, judged twice.

    Attributes:
        cluster: What is exchangeable as a whole: environment and day. Releases of one cluster share damage.
        damage_at: When the damage began: as a label says, else as the earlier of the two verdicts says, else
            with the release. The same for both, so that delays compare.
        ends_at: Until when damage counts: the release was superseded, taken back, or no longer watched.
        undone_at: When it was really taken back; None when it never was.
    """

    champion: Fate
    candidate: Fate
    truth: Truth | None
    cluster: tuple[str, str]
    damage_at: datetime
    ends_at: datetime
    undone_at: datetime | None = None

    @property
    def is_cut_off(self) -> bool:
        """Return whether it was taken back before the candidate would have done so.

        What the candidate would have said later cannot be known: it is neither spared nor missed.
        """
        return self.candidate.cut_off_at is not None

    def called(self, fate: Fate) -> datetime | None:
        """Return when a contender decided on a rollback; None when it did not, or too late to act."""
        return self._in_time(fate.called_at)

    def ordered(self, fate: Fate) -> datetime | None:
        """Return when a contender ordered a rollback; None when it did not, or too late."""
        return self._in_time(fate.ordered_at)

    def delay_min(self, fate: Fate) -> float | None:
        """Return minutes from the damage to the decision, at least 0; None when it was not found."""
        called = self.called(fate)
        return None if called is None else max((called - self.damage_at) / _MINUTE, 0.0)

    def bad_minutes(self, fate: Fate) -> float:
        """Return minutes of damage until the decision, or until it ended by itself."""
        called = self.called(fate)
        ends = self.ends_at if called is None else min(called, self.ends_at)
        return max((ends - self.damage_at) / _MINUTE, 0.0)

    def _in_time(self, at: datetime | None) -> datetime | None:
        until = self.truth.until if self.truth else None
        return None if at is None or (until is not None and at > until) else at


def pair_of(
    champion: Fate,
    candidate: Fate,
    truth: Truth | None,
    undone_at: datetime | None,
    log_ends: datetime,
) -> Pair:
    """Return one release's pair.

    Args:
        champion: Under the champion's settings.
        candidate: Under the candidate's.
        truth: What is known of it otherwise.
        undone_at: When it was really taken back.
        log_ends: Newest time of the log.
    """
    release = champion.release
    found = [at for at in (champion.first_bad_at, candidate.first_bad_at) if at is not None]
    damage_at = (truth.damage_at if truth else None) or min(found, default=release.started_at)
    closed = [fate.closed_at or log_ends for fate in (champion, candidate)]
    ends_at = min([max(closed), *([undone_at] if undone_at else [])])
    if truth is not None and truth.until is not None:
        ends_at = min(ends_at, truth.until)
    return Pair(
        champion=champion,
        candidate=candidate,
        truth=truth,
        cluster=(str(release.environment), release.started_at.date().isoformat()),
        damage_at=damage_at,
        ends_at=ends_at,
        undone_at=undone_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """Where the first bad release of one cluster stood in each contender's ranking of blame, from 0 on."""

    cluster: tuple[str, str]
    champion: int
    candidate: int


def blamed_in(
    pairs: list[Pair],
    champion: Mapping[tuple[str, str], list[ReleaseId]],
    candidate: Mapping[tuple[str, str], list[ReleaseId]],
) -> list[Blamed]:
    """Return the places of blame of each cluster in which a release was bad.

    Releases that nobody ranked follow in the order of the evidence against them, then of their ids.
    """
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        members.setdefault(pair.cluster, []).append(pair)
    found = []
    for cluster, here in sorted(members.items()):
        bad = {p.champion.release.id for p in here if p.truth is not None and p.truth.p_bad > 0.5}
        if not bad or len(here) < 2:
            continue
        places = [
            _place(bad, said.get(cluster, []), [side(pair) for pair in here])
            for said, side in ((champion, _champion), (candidate, _candidate))
        ]
        found.append(Blamed(cluster=cluster, champion=places[0], candidate=places[1]))
    return found


def _champion(pair: Pair) -> Fate:
    return pair.champion


def _candidate(pair: Pair) -> Fate:
    return pair.candidate


def _place(bad: set[ReleaseId], ranked: list[ReleaseId], fates: list[Fate]) -> int:
    others = sorted(
        (fate for fate in fates if fate.release.id not in ranked),
        key=lambda fate: (-fate.suspicion, fate.release.id),
    )
    order = [*ranked, *(fate.release.id for fate in others)]
    return next(place for place, name in enumerate(order) if name in bad)
