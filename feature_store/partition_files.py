"""Where one partition's files end: the marks and the head of the chain that a writer goes on from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from feature_store.chain import Chain, Record
from feature_store.inventory import Segment
from feature_store.manifests import Manifest, read_manifest
from feature_store.marks import Marks
from feature_store.parquet import read_footer
from feature_store.stores import Store


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """What the files of one partition say together.

    Attributes:
        path: The file that says it.
        last: The highest offset that any holds.
        log: Which Kafka the effects come from; "" where it was not said.
        chain: Its end, to go on from.
    """

    path: PurePath
    last: int
    marks: Marks
    log: str
    chain: Chain


def read_end(store: Store, segments: Sequence[Segment]) -> PartitionEnd:
    """Return where a partition's files end, from the newest segment and the newest record.

    Args:
        store: Where they lie.
        segments: All that count of one partition; at least one.

    Raises:
        JournalFileError: the newest file or manifest cannot be read.
    """
    newest = max(segments, key=lambda segment: segment.span.last)
    manifests: dict[PurePath, Manifest] = {}

    def manifest_at(path: PurePath) -> Manifest:
        if path not in manifests:
            manifests[path] = read_manifest(store, path)
        return manifests[path]

    records: list[Record] = []
    fresh = [segment for segment in segments if segment.manifest is None]
    if fresh:
        footer = read_footer(store, fresh[-1].path)
        records += [Record.from_json(footer.record)] if footer.record else []
    rewritten = [(segment.manifest.seq, segment) for segment in segments if segment.manifest is not None]
    if rewritten:
        # Retention writes on at old spans, so the newest record may lie anywhere; names tell where.
        _, latest = max(rewritten, key=lambda numbered: numbered[0])
        records.append(manifest_at(latest.path).records[-1])
    chain = Chain()
    if records:
        chain.add(max(records, key=lambda record: record.seq))
    if newest.manifest:
        manifest = manifest_at(newest.path)
        return PartitionEnd(newest.path, newest.span.last, manifest.marks, manifest.log, chain)
    footer = read_footer(store, newest.path)
    return PartitionEnd(newest.path, newest.span.last, footer.marks, footer.log, chain)
