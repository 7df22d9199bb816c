"""An audit as text, for people."""

from collections.abc import Iterator

from streams.audit import Audit, Difference

_MOST_DIFFERENCES = 10
_MOST_FIELDS = 12
_LONGEST_VALUE = 160


def tell_audit(audit: Audit) -> str:
    """Return what an audit found, the answer first."""
    return "\n".join(_lines(audit))


def _lines(audit: Audit) -> Iterator[str]:
    total = sum(audit.kinds.values())
    if audit.is_identical:
        yield f"{audit.release}: identical, {audit.identical} of {total} effects byte for byte"
    else:
        yield f"{audit.release}: not proven, {audit.identical} of {total} effects identical"
    yield "  " + ", ".join(f"{count} {kind}" for kind, count in audit.kinds.items())
    for rerun in audit.reruns:
        source = "the log's beginning" if rerun.snapshot is None else f"a snapshot at {rerun.snapshot}"
        yield (
            f"  run again: {rerun.topic}/{rerun.partition}, offsets {rerun.first} to {rerun.last}, from "
            f"{source}; {rerun.effects} effects of the release"
        )
    for left_out in audit.not_rerun:
        yield (
            f"  not run again: {left_out.effects} effects of {left_out.topic}/{left_out.partition}: "
            f"{left_out.reason}"
        )
    yield f"  settings {', '.join(audit.settings) or 'not named'}, as the log tells them"
    yield from _code_lines(audit)
    for altered in audit.altered:
        yield (
            f"  altered: {altered.topic}/{altered.partition}/{altered.offset} had digest "
            f"{altered.digest_then} when it was judged and has {altered.digest_now}"
        )
    for kind, count in audit.kept_no_longer.items():
        yield f"  {count} {kind} are said again, of which the journal holds none: kept no longer, or removed"
    for difference in audit.differences[:_MOST_DIFFERENCES]:
        yield from _difference_lines(difference)
    if len(audit.differences) > _MOST_DIFFERENCES:
        yield f"  and {len(audit.differences) - _MOST_DIFFERENCES} more; --json lists them all"


def _code_lines(audit: Audit) -> Iterator[str]:
    if set(audit.codes) == {audit.code_now}:
        yield f"  code {audit.code_now}, the same that said them"
        return
    makes = "it makes no difference" if audit.is_identical else "which may be why"
    for code, count in audit.codes.items():
        if code == "":
            yield f"  {count} effects do not say which code said them"
        elif code != audit.code_now:
            yield f"  code {code} said {count} of them, {audit.code_now} ran them again: {makes}"


def _difference_lines(difference: Difference) -> Iterator[str]:
    place = f"{difference.topic}/{difference.partition}/{difference.offset}, effect {difference.index}"
    yield f"  {difference.what}: {difference.kind} of {place}"
    for field in difference.fields[:_MOST_FIELDS]:
        yield f"    {field.field}: kept {_cut(field.kept)}, said again {_cut(field.again)}"
    if len(difference.fields) > _MOST_FIELDS:
        yield f"    and {len(difference.fields) - _MOST_FIELDS} more fields"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
