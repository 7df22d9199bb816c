"""Expiry: what retention no longer keeps goes from compacted days, and the chain says so.

A record tells how many rows went, of which offsets, by which rule, and when.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from feature_store.chain import Chain, RecordKind, Tally
from feature_store.compaction import publish_manifest
from feature_store.inventory import Segment
from feature_store.manifests import read_manifest
from feature_store.retention import Retention, Rule
from feature_store.stores import Store
from schemas.instants import EPOCH


def may_expire(segment: Segment, retention: Retention, now: datetime) -> bool:
    """Return whether a segment may hold rows whose time is over, as far as its day tells."""
    begun = date.fromisoformat(segment.day.removeprefix("day="))
    rules = (retention.of(file.kind) for file in segment.files if segment.manifest)
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
