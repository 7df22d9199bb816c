"""An audit: whether what the journal holds of a release is what its log makes the engine say.

Each partition of the log that caused an effect of the release is run again by itself, through the engine
that is installed, from its beginning or from a kept snapshot of its state. Settings, clocks and what
services tell their environment all stand in the log, so nothing else is needed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from feature_store.audited_effects import KeptEffect
from feature_store.rows import row_of
from schemas.codec import to_json
from schemas.effect_proofs import record_digest
from schemas.effects import Effect
from schemas.records import Record
from streams.audit_differences import FieldDifference, field_differences
from streams.kept_snapshots import KeptSnapshots
from streams.recorded_log import Place, RecordedLog, Stretch
from streams.runtime import Runtime

Spot = tuple[int, int]
"""Offset of a cause, and the effect's index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """One partition that was run again.

    Attributes:
        first: Offset of the first entry that was run; what came before is in the snapshot.
        last: Offset of the last entry.
        snapshot: Position of the snapshot from which it went on; None from the log's beginning.
        effects: How many effects of the release it says.
    """

    topic: str
    partition: int
    first: int
    last: int
    snapshot: int | None
    effects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRerun:
    """Effects of one partition that cannot be said again, and why."""

    topic: str
    partition: int
    effects: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One effect that is not said again as it is kept.

    Attributes:
        what: `differs`, `not said again`, or `not kept`.
    """

    what: str
    kind: str
    topic: str
    partition: int
    offset: int
    index: int
    fields: tuple[FieldDifference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredCause:
    """An entry of the log whose bytes are others than when it was judged."""

    topic: str
    partition: int
    offset: int
    digest_then: str
    digest_now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        identical: Effects that are said again byte for byte.
        kinds: How many of each kind the journal holds.
        differences: What differs, first one first, by the time of the log.
        kept_no_longer: Kinds that are said again and of which the journal holds none: how many of each.
        settings: Digests of the settings that the effects name.
        codes: Digests of the code that said the effects, and how many each; "" where it was not written down.
        code_now: Digest of the code that ran the log again.
    """

    release: str
    identical: int
    kinds: Mapping[str, int]
    reruns: tuple[Rerun, ...]
    not_rerun: tuple[NotRerun, ...]
    differences: tuple[Difference, ...]
    altered: tuple[AlteredCause, ...]
    kept_no_longer: Mapping[str, int]
    settings: tuple[str, ...]
    codes: Mapping[str, int]
    code_now: str

    @property
    def is_identical(self) -> bool:
        """Return whether every effect was said again, and none differs."""
        return not (self.differences or self.altered or self.not_rerun)


@dataclass(slots=True)
class _Findings:
    identical: int = 0
    reruns: list[Rerun] = field(default_factory=list)
    not_rerun: list[NotRerun] = field(default_factory=list)
    differences: list[tuple[tuple[object, ...], Difference]] = field(default_factory=list)
    altered: list[AlteredCause] = field(default_factory=list)
    kept_no_longer: Counter[str] = field(default_factory=Counter)


def audit(
    release: str, kept: Sequence[KeptEffect], log: RecordedLog, snapshots: KeptSnapshots | None, code_now: str
) -> Audit:
    """Run again what caused a release's effects, and compare.

    Args:
        release: Its id.
        kept: What the journal holds of it.
        log: What stood on the ordered topics.
        snapshots: States from which a partition may go on; None runs each from its beginning.
        code_now: Digest of the code that is installed.

    Raises:
        LogError, ArchiveFileError, SchemaError: the log cannot be read.
    """
    findings = _Findings()
    by_place: dict[Place, list[KeptEffect]] = defaultdict(list)
    for effect in kept:
        by_place[effect.topic, effect.partition].append(effect)
    kinds = Counter(effect.kind for effect in kept)
    for place in sorted(by_place, reverse=True):
        _audit_place(release, place, by_place[place], kinds, log, snapshots, findings)
    return Audit(
        release=release,
        identical=findings.identical,
        kinds=dict(sorted(kinds.items())),
        reruns=tuple(findings.reruns),
        not_rerun=tuple(findings.not_rerun),
        differences=tuple(difference for _, difference in sorted(findings.differences, key=_order)),
        altered=tuple(findings.altered),
        kept_no_longer=dict(sorted(findings.kept_no_longer.items())),
        settings=tuple(sorted({effect.settings for effect in kept if effect.settings})),
        codes=dict(sorted(Counter(effect.code for effect in kept).items())),
        code_now=code_now,
    )


def _audit_place(
    release: str,
    place: Place,
    kept: Sequence[KeptEffect],
    kinds: Mapping[str, int],
    log: RecordedLog,
    snapshots: KeptSnapshots | None,
    findings: _Findings,
) -> None:
    """Run one partition again, as far as it is held, and put down what is found."""
    topic, partition = place
    offsets = [effect.offset for effect in kept]
    source = _Source(log, snapshots, kept)
    stretches = log.stretches(place)
    begin = source.begin(place, stretches, min(offsets))
    held = next((stretch for stretch in stretches if stretch.first <= begin <= stretch.last), None)
    if held is None:
        findings.not_rerun.append(_expired(place, kept, stretches, from_offset=0))
        return
    last = min(max(offsets), held.last)
    beyond = [effect for effect in kept if effect.offset > last]
    if beyond:
        findings.not_rerun.append(_expired(place, beyond, stretches, from_offset=last + 1))
    expected = {(effect.offset, effect.index): effect for effect in kept if effect.offset <= last}
    runtime = Runtime(topic, source)
    said = 0
    for step in runtime.catch_up(partition, last + 1):
        for effect in step.effects:
            said += _compare(release, effect, expected, kinds, min(offsets), findings)
    for (offset, index), lost in expected.items():
        _differs(findings, lost.at, "not said again", lost.kind, (*place, offset, index))
    findings.altered += source.altered
    findings.reruns.append(
        Rerun(
            topic=topic,
            partition=partition,
            first=begin,
            last=last,
            snapshot=begin - 1 if source.has_snapshot else None,
            effects=said,
        )
    )


def _compare(
    release: str,
    effect: Effect,
    expected: dict[Spot, KeptEffect],
    kinds: Mapping[str, int],
    first: int,
    findings: _Findings,
) -> int:
    """Compare one effect with the kept one, which is taken out; return 1 for an effect of the release."""
    cause = effect.cause
    known = expected.pop((cause.offset, effect.index), None)
    spot = (cause.topic, cause.partition, cause.offset, effect.index)
    row = row_of(0, 0, effect)
    kind, body = str(row["kind"]), to_json(effect.said).decode()
    if known is None:
        if row.get("release") != release or cause.offset < first:
            return 0
        if kinds.get(kind):
            _differs(findings, row["happened_at"], "not kept", kind, spot)
        else:
            findings.kept_no_longer[kind] += 1
        return 1
    if (known.kind, known.key, known.body) == (kind, effect.key, body):
        findings.identical += 1
        return 1
    fields = field_differences(known.body, body)
    for name, before, after in (("kind", known.kind, kind), ("key", known.key, effect.key)):
        if before != after:
            fields = (FieldDifference(field=name, kept=before, again=after), *fields)
    _differs(findings, known.at, "differs", known.kind, spot, fields)
    return 1


def _differs(
    findings: _Findings,
    at: object,
    what: str,
    kind: str,
    spot: tuple[str, int, int, int],
    fields: tuple[FieldDifference, ...] = (),
) -> None:
    topic, partition, offset, index = spot
    difference = Difference(
        what=what, kind=kind, topic=topic, partition=partition, offset=offset, index=index, fields=fields
    )
    # A service speaks before its environment does.
    place = (topic != "observations", partition, offset, index)
    findings.differences.append(((at, *place), difference))


def _order(found: tuple[tuple[object, ...], Difference]) -> tuple[object, ...]:
    return found[0]


def _expired(
    place: Place, kept: Sequence[KeptEffect], stretches: Iterable[Stretch], from_offset: int
) -> NotRerun:
    """Say which offsets would have been needed and are nowhere."""
    position, last = from_offset, max(effect.offset for effect in kept)
    holes = []
    for stretch in [*stretches, Stretch(last + 1, last + 1)]:
        if stretch.first > position and position <= last:
            holes.append(f"{position} to {min(stretch.first - 1, last)}")
        position = max(position, stretch.last + 1)
    topic, partition = place
    return NotRerun(
        topic=topic,
        partition=partition,
        effects=len(kept),
        reason=f"the log expired: offsets {', '.join(holes) or 'before a usable snapshot'} are not kept",
    )


class _Source:
    """The log of one partition as a runtime reads it, with an eye on the bytes of causes."""

    def __init__(self, log: RecordedLog, snapshots: KeptSnapshots | None, kept: Iterable[KeptEffect]) -> None:
        self._log, self._snapshots = log, snapshots
        self._digests = {effect.offset: effect.cause_digest for effect in kept if effect.cause_digest}
        self._pieces: Sequence[Record] = ()
        self.altered: list[AlteredCause] = []

    @property
    def has_snapshot(self) -> bool:
        """Return whether the partition goes on from a snapshot."""
        return bool(self._pieces)

    def begin(self, place: Place, stretches: Sequence[Stretch], before: int) -> int:
        """Return the first offset to run: behind the newest usable snapshot, or 0."""
        if self._snapshots is None:
            return 0
        position, pieces = self._snapshots.newest(place, before)
        usable = position is not None and any(
            stretch.first <= position + 1 <= stretch.last for stretch in stretches
        )
        if position is None or not usable:
            return 0
        self._pieces = pieces
        return position + 1

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        """Yield a partition's entries from `start` up to before `stop`."""
        for record in self._log.read((topic, partition), start, stop):
            then = self._digests.get(record.offset)
            if then is not None and (now := record_digest(record)) != then:
                self.altered.append(
                    AlteredCause(
                        topic=topic,
                        partition=partition,
                        offset=record.offset,
                        digest_then=then,
                        digest_now=now,
                    )
                )
            yield record

    def snapshots(self, partition: int) -> Iterable[Record]:
        """Yield the pieces of the snapshot that was chosen."""
        del partition
        return self._pieces
