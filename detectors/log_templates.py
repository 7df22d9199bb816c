"""Log templates: which statement of a program printed a line. One pass, the same for every system.

State of the engine: plain, so that it can be written as JSON and read back exactly. What is kept are the
masked lines themselves, in the order in which they first came; how they group is a function of that
(`detectors.log_index`) and is worked out again after a restart.
"""

from dataclasses import dataclass, field

from detectors.log_index import TemplateIndex
from detectors.log_masks import readable, tokens
from detectors.log_slots import Needs

MOST_SIGNATURES = 2048
"""Masked lines that are told apart. When they are full, the quarter that was seen longest ago is forgotten:
fewer forgets rare statements sooner; more costs about 100 bytes of snapshot and 10 KB of memory each."""

_MOST_CACHED = 16_384


class _Derived:
    """What can be worked out from the state at any time, and is no part of it."""

    __slots__ = ("cache", "index", "nodes", "numbers")

    def __init__(self, signatures: dict[str, int], needs: Needs | None = None) -> None:
        self.cache: dict[str, str] = {}
        self.index = TemplateIndex(needs)
        self.nodes: dict[int, int] = {}
        self.numbers: dict[int, int] = {}
        for signature, number in signatures.items():
            self.add(signature, number)

    def add(self, signature: str, number: int) -> None:
        node = self.nodes[number] = self.index.add(tuple(signature.split(" ")))
        self.numbers.setdefault(node, number)

    def group(self, number: int) -> int:
        # A group is named for its first node, and the first node of any group is a line that came.
        return self.numbers[self.index.root(self.nodes[number])]


class _Deriving:
    """Holds the derived part beside a state's fields, where neither JSON nor equality sees it."""

    __slots__ = ("_derived",)

    _derived: _Derived

    def _worked_out(self, signatures: dict[str, int]) -> _Derived:
        try:
            return self._derived
        except AttributeError:
            return self._work_out(signatures)

    def _work_out(self, signatures: dict[str, int]) -> _Derived:
        self._derived = _Derived(signatures)
        return self._derived


@dataclass(slots=True, kw_only=True)
class LogTemplates(_Deriving):
    """The statements that a service's lines came from.

    Attributes:
        signatures: Number of each masked line, in the order in which they first came.
        used: When each masked line was seen last, counted in lines.
        lines: Lines seen so far.
        given: Numbers given so far; a number is never given twice.
    """

    signatures: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    given: int = 0

    def learn(self, line: str) -> int:
        """Return the number of a line's masked form; `group` says to which statement it belongs.

        The number stays what it is; the group may become a larger one when later lines show that a word
        of it varies.
        """
        derived = self._worked_out(self.signatures)
        signature = derived.cache.get(line)
        if signature is None:
            signature = " ".join(tokens(line)) or "<*>"
            if len(derived.cache) >= _MOST_CACHED:
                derived.cache.clear()
            derived.cache[line] = signature
        self.lines += 1
        self.used[signature] = self.lines
        number = self.signatures.get(signature)
        if number is None:
            number = self.signatures[signature] = self.given
            self.given += 1
            derived.add(signature, number)
            if len(self.signatures) > MOST_SIGNATURES:
                self._forget()
        return number

    def group(self, number: int) -> int:
        """Return the number that stands for a statement: the lowest of its lines'; itself when forgotten."""
        derived = self._worked_out(self.signatures)
        return derived.group(number) if number in derived.nodes else number

    def text(self, number: int) -> str:
        """Return a statement with everything masked that varies; "" for one that was forgotten."""
        derived = self._worked_out(self.signatures)
        if number not in derived.nodes:
            return ""
        return readable(derived.index.general(derived.nodes[number]))

    def _forget(self) -> None:
        """Forget the quarter of the masked lines that was seen longest ago."""
        newest = sorted(self.used.values(), reverse=True)[3 * MOST_SIGNATURES // 4 - 1]
        self.signatures = {text: n for text, n in self.signatures.items() if self.used[text] >= newest}
        self.used = {text: self.used[text] for text in self.signatures}
        self._work_out(self.signatures)
