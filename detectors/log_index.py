"""Which tokenised lines belong together: those that agree on everything but places that hold values.

A place holds a value once it has held many different words, which is learnt in two ways. Lines with the
same frame (`detectors.log_slots`) pool what they saw in each slot, so that two values which vary together
are found. And any place, slot or not, is compared among lines that agree on all other tokens. Nothing is
compared by a similarity, so a short line cannot be swallowed by a long one.

Related to the fixed-depth tree of P. He et al., "Drain", ICWS 2017, and to the word columns of S. Yu et al.,
"Brain", IEEE TSC 2023. Departs from both in that a column opens by its count of different words instead of
a share of equal ones, and in that lists of values have one length (`detectors.log_masks`).
"""

from dataclasses import dataclass, field

from detectors.log_masks import WILD
from detectors.log_patterns import Patterns
from detectors.log_slots import Needs, is_word, slotted

Parts = tuple[str, ...]


@dataclass(slots=True)
class _Frame:
    """Lines with one frame.

    Attributes:
        seen: Different values of each slot, while it is shut.
        needs: How many open it.
        is_open: Which slots hold values.
        members: Node by what stands in the slots, `<*>` in open ones.
    """

    seen: list[dict[str, None]]
    needs: list[int]
    is_open: list[bool]
    members: dict[Parts, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Family:
    """Lines that agree on all tokens but one.

    Attributes:
        need: How many different tokens make the place a value.
        nodes: Node by the token in that place, while it is no value.
        merged: The node that stands for all of them, once it is; None before.
    """

    need: int
    nodes: dict[str, int] = field(default_factory=dict)
    merged: int | None = None


class TemplateIndex:
    """Groups tokenised lines. A function of the lines added, in their order.

    Args:
        needs: How many different words make a place a value.
    """

    def __init__(self, needs: Needs | None = None) -> None:
        self._needs = needs or Needs()
        self._nodes: dict[Parts, int] = {}
        self._parents: list[int] = []
        self._general: list[Parts] = []
        self._frames: dict[tuple[str | None, ...], _Frame] = {}
        self._families: dict[tuple[Parts, Parts], _Family] = {}
        self._patterns = Patterns(self._needs)

    def add(self, parts: Parts) -> int:
        """Return the node of a tokenised line, learning from it when it is new."""
        node = self._nodes.get(parts)
        if node is None:
            node = self._nodes[parts] = len(self._parents)
            self._parents.append(node)
            self._general.append(parts)
            self._place(parts, node)
        return node

    def root(self, node: int) -> int:
        """Return the node that stands for a node's group now."""
        parents = self._parents
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    def general(self, node: int) -> Parts:
        """Return the most general tokens of a node's group."""
        return self._general[self.root(node)]

    def _unite(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._parents[high] = low
            # The newest form has seen most places opened; of equally general ones the first stays.
            if self._general[high].count(WILD) > self._general[low].count(WILD):
                self._general[low] = self._general[high]

    def _place(self, parts: Parts, node: int) -> None:
        """Put a new line into its frame; when that opens a slot, the frame's lines meet again."""
        slots = slotted(parts, self._needs)
        frame = self._frames.get(slots.frame)
        if frame is None:
            width = len(slots.values)
            frame = _Frame([{} for _ in range(width)], list(slots.needs), [False] * width)
            self._frames[slots.frame] = frame
        if self._has_opened(frame, slots.frame, slots.values, slots.needs):
            earlier, frame.members = frame.members, {}
            for values, member in earlier.items():
                self._settle(slots.frame, frame, values, member)
        self._settle(slots.frame, frame, slots.values, node)

    def _has_opened(
        self, frame: _Frame, fixed: tuple[str | None, ...], values: Parts, needs: tuple[int, ...]
    ) -> bool:
        if not any(part is not None and is_word(part) for part in fixed):
            return False
        has_opened = False
        for slot, value in enumerate(values):
            frame.needs[slot] = min(frame.needs[slot], needs[slot])
            if frame.is_open[slot]:
                continue
            seen = frame.seen[slot]
            seen[value] = None
            bonus = self._needs.masked if any(WILD in said for said in seen) else 0
            if len(seen) > 1 and len(seen) + bonus >= frame.needs[slot]:
                frame.is_open[slot] = has_opened = True
                seen.clear()
        return has_opened

    def _settle(self, fixed: tuple[str | None, ...], frame: _Frame, values: Parts, node: int) -> None:
        """Join a line to one with the same words in the frame's shut slots, or compare it with others."""
        values = tuple(
            WILD if is_open else value for value, is_open in zip(values, frame.is_open, strict=True)
        )
        earlier = frame.members.get(values)
        if earlier is not None:
            self._unite(node, earlier)
            return
        frame.members[values] = node
        parts: list[str] = []
        opened: list[int] = []
        slot = 0
        for part in fixed:
            if part is not None:
                parts.append(part)
                continue
            if frame.is_open[slot]:
                opened.append(len(parts))
            parts.extend(values[slot].split(" "))
            slot += 1
        filled = tuple(parts)
        self._unite(node, self._nodes.setdefault(filled, node))
        if filled.count(WILD) > self.general(node).count(WILD):
            self._general[self.root(node)] = filled
        self._compare(filled, node, opened)
        for pattern, members in self._patterns.add(filled, node):
            general = self.add(without_neighbours(pattern))
            for member in members:
                self._unite(member, general)

    def _compare(self, parts: Parts, node: int, opened: list[int]) -> None:
        """Compare a line, place by place, with those that agree on everything else."""
        words = sum(map(is_word, parts))
        for place, part in enumerate(parts):
            rest = words - is_word(part)
            if rest < 1 or not (is_word(part) or part == WILD):
                continue
            key = (parts[:place], parts[place + 1 :])
            family = self._families.get(key)
            if family is None:
                need = self._needs.word * (1 if rest >= 3 else 2)
                family = self._families[key] = _Family(need)
            if place in opened and family.merged is None:
                family.merged = node
                for member in family.nodes.values():
                    self._unite(member, node)
                family.nodes = {}
            if family.merged is not None:
                self._unite(node, family.merged)
                continue
            family.nodes[part] = node
            bonus = self._needs.masked if WILD in family.nodes else 0
            if len(family.nodes) > 1 and len(family.nodes) + bonus >= family.need:
                self._merge(family, key)

    def _merge(self, family: _Family, key: tuple[Parts, Parts]) -> None:
        before, after = key
        members, family.nodes = list(family.nodes.values()), {}
        family.merged = members[0]
        general = self.add(without_neighbours((*before, WILD, *after)))
        family.merged = general
        for member in members:
            self._unite(member, general)


def without_neighbours(parts: Parts) -> Parts:
    """Return tokens with neighbouring values as one, as masks make them."""
    return tuple(
        part for place, part in enumerate(parts) if part != WILD or place == 0 or parts[place - 1] != WILD
    )
