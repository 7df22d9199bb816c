"""Patterns: what two lines of one shape have in common, when several of their words vary at once.

Two lines with the same punctuation share a pattern: the tokens on which they agree. When a pattern fixes
most of a line, and each of its holes has held many different words, its lines are one statement. A hole
that holds few words keeps the pattern shut; the lines that agree on that word have a pattern of their own.

In the spirit of the longest word combination of S. Yu et al., "Brain", IEEE TSC 2023, found pair by pair.
"""

from dataclasses import dataclass, field

from detectors.log_masks import WILD
from detectors.log_slots import Needs, is_word

Parts = tuple[str, ...]
Pattern = tuple[str | None, ...]

LEAST_WORDS = 3
"""Words that a pattern must fix; they must be half of a line's words, too."""

MOST_COMPARED = 64
"""Newest lines of a shape that a new one is compared with, which bounds the time that a new line takes."""


MOST_PATTERNS = 8192
"""Patterns that are kept; beyond them those that are shut begin anew, which bounds memory in a storm."""


@dataclass(slots=True)
class _Seen:
    """What the holes of a pattern have held, and the nodes of its lines."""

    holes: list[dict[str, None]]
    nodes: dict[int, None] = field(default_factory=dict)
    is_open: bool = False


class Patterns:
    """Learns patterns from lines, in their order.

    Args:
        needs: How many different words make a hole a value.
    """

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._shapes: dict[Parts, list[tuple[Parts, int]]] = {}
        self._seen: dict[Pattern, _Seen] = {}

    def add(self, parts: Parts, node: int) -> list[tuple[Parts, tuple[int, ...]]]:
        """Return what a new line shows to be one statement: its general line, and the nodes of its lines."""
        words = sum(map(is_word, parts))
        if words < LEAST_WORDS:
            return []
        shape = tuple("" if is_word(part) or part == WILD else part for part in parts)
        others = self._shapes.setdefault(shape, [])
        found = []
        for other, its_node in others[-MOST_COMPARED:]:
            pattern = _pattern(parts, other, words)
            if pattern is None:
                continue
            seen = self._seen.get(pattern)
            if seen is None:
                seen = self._seen[pattern] = _Seen([{} for part in pattern if part is None])
            for line, its in ((other, its_node), (parts, node)):
                seen.nodes[its] = None
                values = (value for value, part in zip(line, pattern, strict=True) if part is None)
                for hole, value in zip(seen.holes, values, strict=True):
                    if len(hole) <= self._needs.word:
                        hole[value] = None
            if seen.is_open or all(map(self._holds_values, seen.holes)):
                seen.is_open = True
                general = tuple(WILD if part is None else part for part in pattern)
                found.append((general, tuple(seen.nodes)))
                seen.nodes = {node: None}
        if len(self._seen) > MOST_PATTERNS:
            self._seen = {pattern: seen for pattern, seen in self._seen.items() if seen.is_open}
        others.append((parts, node))
        if len(others) > 2 * MOST_COMPARED:
            del others[:MOST_COMPARED]
        return found

    def _holds_values(self, hole: dict[str, None]) -> bool:
        return len(hole) + (self._needs.masked if WILD in hole else 0) >= self._needs.word


def _pattern(one: Parts, other: Parts, words: int) -> Pattern | None:
    """Return what two lines agree on, None for each hole; None when that is too little or nearly all."""
    fixed = holes = 0
    pattern: list[str | None] = []
    for part, theirs in zip(one, other, strict=True):
        if part == theirs:
            pattern.append(part)
            fixed += is_word(part)
        else:
            pattern.append(None)
            holes += 1
    return tuple(pattern) if holes > 1 and fixed >= LEAST_WORDS and 2 * fixed >= words else None
