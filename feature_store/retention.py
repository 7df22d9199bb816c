"""Retention: how long rows of each kind are kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from feature_store.kinds import Kind
from schemas.errors import SettingsError

_RULE = re.compile(r"(\*|[a-z_]+)=(\d{1,5})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}
_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """How long rows are kept; `text` is as it was given."""

    text: str
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """Rules by kind; a kind without one, and without a rule for all others, is kept for good."""

    rules: Mapping[str, Rule] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rules of a text such as `evidence=90d,suspicion=30d,*=2y`; "" keeps everything.

        Days (d), weeks (w) and years of 365 days (y); `*` is for kinds that are not named.

        Raises:
            SettingsError: a rule is of another form, names an unknown kind, or names one twice.

        >>> Retention.parse("evidence=90d, *=2y").of("verdict").keep.days
        730
        """
        rules: dict[str, Rule] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _RULE.fullmatch(part)
            if not match or not int(match[2]):
                raise SettingsError(f"{part!r} is no rule of retention, expected one such as evidence=90d")
            kind = match[1]
            if kind != _OTHERS and kind not in set(Kind):
                known = ", ".join(sorted(each.value for each in Kind))
                raise SettingsError(f"{part!r} names an unknown kind, expected * or one of {known}")
            if kind in rules:
                raise SettingsError(f"{kind} has two rules of retention, expected one")
            rules[kind] = Rule(part, timedelta(days=int(match[2]) * _DAYS[match[3]]))
        return cls(rules)

    def of(self, kind: str) -> Rule | None:
        """Return the rule for a kind; None when it is kept for good."""
        return self.rules.get(kind) or self.rules.get(_OTHERS)
