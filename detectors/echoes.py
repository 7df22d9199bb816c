"""Echoes: a canary that is heard under the name of the pod whose place it took.

A deleted pod says nothing more. What comes under its name all the same is a stale cache, or its successor
under two names: exporters label by address or slot, and re-labelling lags behind the cluster. Left among the
stable pods, an echo takes the canary's own damage for the control's, and hides it. So no pod is believed for
the time after its deletion (`panels.read`), and what an echo says that its source does not say itself counts
as the source's word: not every series survives both labels.

Two names have one source when every reading that both have of the same interval is the same number, and
enough of these numbers are nobody else's: a success of 100 % is everybody's, a latency of 41.239473 ms is
not. Blind to an echo that is rescaled or shifted in time; that is left out of both sides.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from detectors.panels import until
from detectors.tracks import Track
from detectors.windows import ServiceWindow

LEAST_DISTINCTIVE = 2
"""Readings that two names must share with nobody else to have one source. With one, chance would do it once a
year on counts of a quiet service; with more, a canary that says little is never matched with its echo."""


def sources(
    window: ServiceWindow, canary: Sequence[str], stable: Sequence[str], end: int
) -> tuple[tuple[str, str], ...]:
    """Return (canary pod, deleted pod that echoes it) for each echo, in the order of the canary's pods.

    Args:
        window: The service's window.
        canary: Keys of the release's pods.
        stable: Keys of all other pods.
        end: First interval that is not looked at.
    """
    gone = [key for key in stable if window.pods[key].deleted_ms is not None]
    found: list[tuple[str, str]] = []
    taken: set[str] = set()
    for name in canary:
        for old in gone:
            if old not in taken and _is_echo(window, name, old, (*canary, *stable), end):
                found.append((name, old))
                taken.add(old)
                break
    return tuple(found)


def _is_echo(window: ServiceWindow, name: str, old: str, everybody: Sequence[str], end: int) -> bool:
    canary, gone = window.pods[name], window.pods[old]
    begin = until(window, gone, end)
    if not gone.spoke(begin, end) or not canary.spoke(begin, end):
        return False
    others = [window.pods[key] for key in everybody if key not in (name, old)]
    distinctive = 0
    for key in sorted(gone.tracks):
        if key not in canary.tracks:
            continue
        one, other = gone.tracks[key], canary.tracks[key]
        if _differ(one, other, begin, end):
            return False
        if distinctive < LEAST_DISTINCTIVE:
            elsewhere = [pod.tracks[key] for pod in others if key in pod.tracks]
            nobody_elses = (
                index
                for index, _, said in _shared(one, other, begin, end)
                if all(track.sum_of(index) != said for track in elsewhere)
            )
            distinctive += sum(1 for _ in islice(nobody_elses, LEAST_DISTINCTIVE))
    return distinctive >= LEAST_DISTINCTIVE


def _differ(one: Track, other: Track, begin: int, end: int) -> bool:
    """Return whether the two read another number in an interval of which both have a reading."""
    first = max(begin, one.first, other.first)
    last = min(end, one.first + len(one.sums), other.first + len(other.sums))
    if first >= last:
        return False
    here = slice(first - one.first, last - one.first)
    there = slice(first - other.first, last - other.first)
    # Mostly all is the same, or the first number differs already.
    return one.sums[here] != other.sums[there] and any(
        told != said for _, told, said in _shared(one, other, begin, end)
    )


def _shared(one: Track, other: Track, begin: int, end: int) -> Iterator[tuple[int, float, float]]:
    """Yield the intervals of which both tracks have a reading, with both sums."""
    first = max(begin, one.first, other.first)
    for index in range(first, min(end, one.first + len(one.sums), other.first + len(other.sums))):
        here, there = index - one.first, index - other.first
        if one.readings[here] > 0 and other.readings[there] > 0:
            yield index, one.sums[here], other.sums[there]
