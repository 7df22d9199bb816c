"""Text for Slack: foreign words kept from meaning anything there, and cut to what Slack takes.

Slack reads `<...>` in its markup: `<!channel>` calls everybody, `<https://x|y>` shows y and leads to x. What
others wrote stands as plain text, or with `&`, `<` and `>` escaped.

Source: docs.slack.dev, "Formatting message text", section on escaping.
"""

import re
from collections.abc import Iterable, Mapping

from schemas.approvals import GROUP, Person, includes

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_USER = re.compile(r"[UW][A-Z0-9]{1,30}")
_LONGEST_NAME = 60
_AND_MORE = " and 000000 more"


def escaped(text: str, limit: int) -> str:
    """Return text that is shown as it stands, of at most so many characters after escaping.

    >>> escaped("<!channel> & co", 100)
    '&lt;!channel&gt; &amp; co'
    >>> escaped("<<<", 9)
    '&lt;&lt;…'
    """
    whole = "".join(_ESCAPES.get(letter, letter) for letter in text)
    if len(whole) <= limit:
        return whole
    kept, size = [], 1
    for letter in text:
        piece = _ESCAPES.get(letter, letter)
        size += len(piece)
        if size > limit:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def cut(text: str, limit: int) -> str:
    """Return text of one character to so many; a blank text becomes a dash, since Slack refuses it.

    >>> cut("roll back", 5), cut(" ", 5)
    ('roll…', '-')
    """
    if not text.strip():
        return "-"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def paragraph(label: str, lines: Iterable[str], limit: int) -> str:
    """Return a label and lines below it: as many whole lines as fit, and how many do not.

    >>> paragraph("Suspects:", ["a", "b"], 100).splitlines()
    ['Suspects:', '• a', '• b']
    """
    said, left = cut(label, limit), list(lines)
    while left:
        rest = f"\n… and {len(left)} more"
        line = f"\n• {left[0]}"
        if len(said) + len(line) + (len(rest) if len(left) > 1 else 0) > limit:
            return cut(said + rest, limit)
        said += line
        del left[0]
    return said


def mentions(names: Iterable[str], people: Mapping[str, Person], limit: int = 2000) -> str:
    """Return people and groups in Slack's markup: whoever has a user id there is called, others are named.

    Args:
        names: As the policy writes them; groups are called by their members.
        people: Whom the policy names.
        limit: Characters; whoever does not fit is counted.

    >>> mentions(["ada", "bob"], {"ada": Person(slack="U061F7AUR")})
    '<@U061F7AUR>, bob'
    """
    found: list[str] = []
    for one in (member for name in names for member in _members(name, people)):
        identity = people[one].slack if one in people else ""
        called = f"<@{identity}>" if _USER.fullmatch(identity) else escaped(cut(one, _LONGEST_NAME), limit)
        if called not in found:
            found.append(called)
    shown: list[str] = []
    while found and len(", ".join([*shown, found[0]])) <= limit - len(_AND_MORE):
        shown.append(found.pop(0))
    return ", ".join(shown) + (f" and {len(found)} more" if found else "")


def _members(name: str, people: Mapping[str, Person]) -> list[str]:
    if not name.startswith(GROUP):
        return [name]
    return [one for one in sorted(people) if includes((name,), people, one)] or [name]
