"""Retention: how long rows of a kind are kept, and their removal from compacted days.

What is removed is written down in the chain: how many rows, of which offsets, by which rule, when.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Self

from feature_store.chain import Chain, RecordKind, Tally
from feature_store.compaction import publish_manifest
from feature_store.inventory import Segment
from feature_store.kinds import Kind
from feature_store.manifests import read_manifest
from feature_store.stores import Store
from schemas.errors import SettingsError
from schemas.instants import EPOCH

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

    def may_end(self, segment: Segment, now: datetime) -> bool:
        """Return whether a segment may hold rows whose time is over, as far as its day tells."""
        begun = date.fromisoformat(segment.day.removeprefix("day="))
        rules = (self.of(file.kind) for file in segment.files if segment.manifest)
        return any(rule is not None and now.date() - begun > rule.keep for rule in rules)


def expire(
    store: Store, chain: Chain, segment: Segment, retention: Retention, clock: Callable[[], datetime]
) -> Segment | None:
    """Drop the files of a segment whose newest row is older than its rule keeps.

    A manifest without them takes the old one's place; their bytes are the caller's to remove. Return the
    segment as it is now, None when nothing has come to its end.

    Raises:
        JournalFileError: the manifest is damaged or gone: nothing has changed.
        OSError: the store failed: the chain is doubtful.
    """
    now = clock()
    manifest = read_manifest(store, segment.path)
    rules: dict[str, Rule] = {}
    for file in manifest.files:
        rule = retention.of(file.kind)
        if rule is not None and EPOCH + timedelta(microseconds=file.newest_us) < now - rule.keep:
            rules[file.kind] = rule
    if not rules:
        return None
    record = chain.next(
        RecordKind.EXPIRED,
        manifest.span,
        now,
        {file.kind: Tally(file.rows, "") for file in manifest.files if file.kind in rules},
        ",".join(sorted({rule.text for rule in rules.values()})),
    )
    left = replace(
        manifest,
        files=tuple(file for file in manifest.files if file.kind not in rules),
        records=(*manifest.records, record),
    )
    chain.is_doubtful = True
    done = publish_manifest(store, segment.path.parent, left)
    chain.add(record)
    chain.is_doubtful = False
    return done
