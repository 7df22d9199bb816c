"""Slots: the places of a log line where a value may stand that its own form does not give away.

A word is taken for a value only when several different ones were seen in one place with all else equal. How
many it takes depends on the place and the word's looks: what follows `user` or `from` is sooner a value than
what follows `cannot`, and `com.example.cart` sooner than `refused`.
"""

import re
from dataclasses import dataclass

from detectors.log_masks import WILD


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """How many different words one place must have seen before it holds a value.

    Fewer merges statements that differ in one word; more keeps the users or tables of one statement apart.
    Chosen on eight systems of LogHub by leaving one out at a time (`bench.loghub` prints that figure); the
    choice is flat around these, and what was not decided by data is the middle of what was as good.

    Attributes:
        named: Behind a noun that announces a name (`user`, `host`).
        led: Behind a preposition (`from`, `for`), or the only word between brackets or quotes.
        dotted: A dotted name.
        assigned: Behind `=`, or behind the colon of such a noun (`user: ann`).
        odd: Joined words (`read-data`, `snake_case`, `camelCase`).
        word: Any other word, where at least three others stay the same; twice as many where fewer do.
        masked: How many words a value counts for that was seen in the same place and betrayed itself.
    """

    named: int = 3
    led: int = 4
    dotted: int = 4
    assigned: int = 5
    odd: int = 6
    word: int = 6
    masked: int = 2


NEVER = 1 << 30
"""More words than any place will see."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANNOUNCING = _words(
    "user users host hostname node file path dir directory job id name account group client server "
    "device interface process thread module driver table topic queue service session image instance "
    "volume database db role container pod domain package class method function app application "
    "program command component peer tenant plugin"
)
_LEADING = _words("for from by to at on via with")
_PLAIN = _words(
    "is are was were be been being has have had not no can could will would should may might must do "
    "does did and or but if then when while as in of for from to by at on with without via into than "
    "that this these those it its the a an all any each some start stop up down ready ok error "
    "failed failure unknown available running enabled disabled"
)
_DOTTED = re.compile(r"\w\.\w|\w\$")
_ODD = re.compile(r"[-_]|[a-z][A-Z]")
_FAULT = re.compile(r"(?:Exception|Error)$")


@dataclass(frozen=True, slots=True)
class Slotted:
    """A line's tokens, split into what is fixed and what may be a value.

    Attributes:
        frame: Tokens, None for each slot.
        values: What stands in each slot, words joined by blanks.
        needs: How many different values open each slot.
    """

    frame: tuple[str | None, ...]
    values: tuple[str, ...]
    needs: tuple[int, ...]


def slotted(parts: tuple[str, ...], needs: Needs) -> Slotted:
    """Return tokens split into frame and slots.

    Neighbouring candidates share a slot, so that the number of words in it may vary.
    """
    frame: list[str | None] = []
    values: list[str] = []
    counts: list[int] = []
    is_open_ended = False
    for place, part in enumerate(parts):
        count, is_joinable = _need(parts, place, needs)
        if not count:
            frame.append(part)
        elif is_open_ended and is_joinable and frame[-1] is None:
            values[-1] += f" {part}"
            counts[-1] = min(counts[-1], count)
        else:
            frame.append(None)
            values.append(part)
            counts.append(count)
        is_open_ended = bool(count) and is_joinable
    return Slotted(tuple(frame), tuple(values), tuple(counts))


def is_word(part: str) -> bool:
    """Return whether a token is made of letters, rather than a value or punctuation."""
    return part[0].isalpha() or part[0] == "_"


def _need(parts: tuple[str, ...], place: int, needs: Needs) -> tuple[int, bool]:
    """Return how many different words open a place, 0 for never, and whether neighbours may join it."""
    part = parts[place]
    if part == WILD:
        return NEVER, True
    if not is_word(part) or place == 0:
        return 0, False
    before = parts[place - 1]
    after = parts[place + 1] if place + 1 < len(parts) else ""
    is_fault = _FAULT.search(part) is not None
    if _DOTTED.search(part) and not is_fault:
        return needs.dotted, True
    is_told = before == ":" and place > 1 and parts[place - 2].lower() in _ANNOUNCING and not _is_plain(part)
    if before == "=" or is_told:
        return needs.assigned, True
    leads = before.lower()
    if leads in _ANNOUNCING | _LEADING and not part.isupper() and not _is_plain(part):
        return needs.named if leads in _ANNOUNCING else needs.led, True
    if (before in "([" and after in (")", "]")) or (before in "\"'`" and after == before):
        return needs.led, True
    if _ODD.search(part) and not is_fault:
        return needs.odd, False
    return 0, False


def _is_plain(part: str) -> bool:
    """Return whether a word belongs to the sentence wherever it stands."""
    low = part.lower()
    return low in _PLAIN or low in _ANNOUNCING or (part.islower() and part.endswith(("ed", "ing")))
