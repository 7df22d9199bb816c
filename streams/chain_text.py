"""The audit of the journal's chain as text."""

from collections.abc import Iterator

from feature_store.chain_audit import ChainAudit, PartitionAudit

_SHOWN = 20


def tell_chain(audited: ChainAudit) -> str:
    """Return what was found, the verdict first, then each partition with the head of its chain."""
    return "\n".join(_lines(audited))


def _lines(audited: ChainAudit) -> Iterator[str]:
    findings = audited.all_findings
    if findings:
        yield f"NOT WHOLE, {len(findings)} {'finding' if len(findings) == 1 else 'findings'}; the first:"
        yield from (f"  {finding}" for finding in findings[:_SHOWN])
    elif not audited.partitions:
        yield "the journal is empty"
    else:
        yield "whole: every row is as it was written"
    for partition in audited.partitions:
        yield _partition(partition)
    for partition in audited.partitions:
        for kind, count in partition.expired.items():
            yield f"partition {partition.partition}: {count} rows of kind {kind} expired by rule"
        for span in partition.unchained:
            yield (
                f"partition {partition.partition}: offsets {span.first} to {span.last} were written before "
                "there was a chain, and nothing is known of them"
            )
    if any(partition.head for partition in audited.partitions):
        yield "note the heads elsewhere and give them to --expect later: a chain written anew lacks them"


def _partition(partition: PartitionAudit) -> str:
    head = partition.head or "none"
    return f"partition {partition.partition}: {partition.rows} rows, {partition.records} records, head {head}"
