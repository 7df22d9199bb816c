"""Remote write's bytes walked once, compiled: where each series' labels stand, and every sample in columns.

A message has as many series as samples, mostly, so that not even touching each sample as a Python object is
cheap enough. What comes out is checked against the message's bounds; what the labels mean is not looked at.

Sources: protobuf.dev/programming-guides/encoding; prometheus/prompb/types.proto and remote.proto;
io.prometheus.write.v2, types.proto.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from schemas.errors import SchemaError

VALUE, COUNT_WHOLE, COUNT, SUM, GAUGE_HISTOGRAM = range(5)
"""What a row holds: a sample's value; a native histogram's count, as a whole number or as a double; its sum;
or nothing but that there was a histogram whose counts may fall."""

STALE = 0x7FF0000000000002
"""Bits of the value that ends a series.

Source: prometheus/model/value, StaleNaN."""

MOST_LABEL_BYTES = 64 * 1024 * 1024
"""Bytes of all series' labels after 2.0's references are resolved, by which one byte may stand for many."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_HAS_SAMPLES, _HAS_HISTOGRAMS = 1, 2
_GAUGE_HINT = 3


class Walked(NamedTuple):
    """What a message holds.

    Attributes:
        labels: Bytes in which each series' labels stand, as fields 1 of a 1.0 TimeSeries.
        starts: Where each series' labels begin, int64, (series,).
        stops: Where they end, int64, (series,).
        kinds: 2.0's MetricType, 0 where the sender does not say, int64, (series,).
        owners: Which series a row belongs to, int64, (rows,).
        holds: What it holds: VALUE and so on, uint8, (rows,).
        times_ms: int64, (rows,).
        bits: Of the double, or for COUNT_WHOLE the number, uint64, (rows,).
        exemplars: How many there are.
    """

    labels: bytes
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    kinds: NDArray[np.int64]
    owners: NDArray[np.int64]
    holds: NDArray[np.uint8]
    times_ms: NDArray[np.int64]
    bits: NDArray[np.uint64]
    exemplars: int


_Ints = NDArray[np.int64]
_Uints = NDArray[np.uint64]
_Bytes = NDArray[np.uint8]


def walk(data: bytes, *, is_second: bool) -> Walked:
    """Return what a message holds.

    Args:
        data: Unpacked.
        is_second: It is 2.0's `io.prometheus.write.v2.Request`, else 1.0's `prometheus.WriteRequest`.

    Raises:
        SchemaError: the bytes are no such message, a symbol is referred to that is not there, or the labels
            are absurdly large.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    none, no_bits, no_holds = np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.uint8)
    found = _walk(
        raw, is_second, False, none, none, none, none, none, none, none, none, no_holds, none, no_bits
    )
    ok, series, rows, exemplars, symbols, references = (int(number) for number in found)
    if not ok:
        raise SchemaError("message is no remote write request: its protobuf is malformed")
    starts, stops, kinds = (np.zeros(series, np.int64) for _ in range(3))
    ends_of_references = np.zeros(series, np.int64)
    referred = np.zeros(references, np.int64)
    symbol_starts, symbol_stops = np.zeros(symbols, np.int64), np.zeros(symbols, np.int64)
    owners, holds = np.zeros(rows, np.int64), np.zeros(rows, np.uint8)
    times_ms, bits = np.zeros(rows, np.int64), np.zeros(rows, np.uint64)
    _walk(
        raw,
        is_second,
        True,
        starts,
        stops,
        kinds,
        ends_of_references,
        referred,
        symbol_starts,
        symbol_stops,
        owners,
        holds,
        times_ms,
        bits,
    )
    labels = data
    if is_second:
        labels = _joined(raw, symbol_starts, symbol_stops, referred, ends_of_references, starts, stops)
    return Walked(labels, starts, stops, kinds, owners, holds, times_ms, bits, exemplars)


def warm_up() -> None:
    """Compile what is compiled, so that no request waits for it."""
    walk(b"\x0a\x00", is_second=False)
    walk(b"\x22\x00\x2a\x00", is_second=True)


def _joined(
    raw: _Bytes,
    symbol_starts: _Ints,
    symbol_stops: _Ints,
    referred: _Ints,
    ends: _Ints,
    starts: _Ints,
    stops: _Ints,
) -> bytes:
    """Return all series' labels as 1.0 writes them, and note where each one's stand."""
    if len(referred) and (referred.min() < 0 or referred.max() >= len(symbol_starts)):
        raise SchemaError(f"message refers to a symbol beyond its {len(symbol_starts)} symbols")
    if (np.diff(ends, prepend=0) % 2).any():
        raise SchemaError("message has a series with an odd number of label references")
    sizes = symbol_stops - symbol_starts
    # A label's two lengths and three tags take at most 18 bytes.
    total = int(sizes[referred].sum()) + 9 * len(referred)
    if total > MOST_LABEL_BYTES:
        raise SchemaError(f"labels take {total} bytes, expected at most {MOST_LABEL_BYTES}")
    joined = np.zeros(total, np.uint8)
    end = _join(raw, symbol_starts, sizes, referred, ends, starts, stops, joined)
    return joined[:end].tobytes()


@njit(cache=True)
def _varint(raw: _Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a varint's 64 bits, as a signed number, and where it ends; -1 when it is none."""
    value = np.uint64(0)
    shift = 0
    while at < end and shift < 70:
        byte = raw[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << np.uint64(shift)
        if byte < 0x80:
            return int(np.int64(value)), at
        shift += 7
    return 0, -1


@njit(cache=True)
def _field(raw: _Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """Return a field's number, wire type, and where its content begins and ends; -1 when it is none."""
    tag, at = _varint(raw, at, end)
    number, wire = tag >> 3, tag & 7
    if at < 0 or number < 1:
        return 0, 0, 0, -1
    begin = at
    if wire == _VARINT:
        _, at = _varint(raw, at, end)
        if at < 0:
            return 0, 0, 0, -1
        return number, wire, begin, at
    if wire in (_FIXED64, _FIXED32):
        size = 8 if wire == _FIXED64 else 4
    elif wire == _BYTES:
        size, begin = _varint(raw, at, end)
        if begin < 0:
            return 0, 0, 0, -1
    else:
        return 0, 0, 0, -1
    if size < 0 or size > end - begin:
        return 0, 0, 0, -1
    return number, wire, begin, begin + size


@njit(cache=True)
def _fixed64(raw: _Bytes, at: int) -> np.uint64:
    value = np.uint64(0)
    for place in range(8):
        value |= np.uint64(raw[at + place]) << np.uint64(8 * place)
    return value


@njit(cache=True)
def _sample(raw: _Bytes, at: int, end: int) -> tuple[int, np.uint64, bool]:
    """Return a sample's time, its value's bits, and whether it is one."""
    time, bits = 0, np.uint64(0)
    while at < end:
        number, wire, begin, at = _field(raw, at, end)
        if at < 0:
            return time, bits, False
        if number == 1 and wire == _FIXED64:
            bits = _fixed64(raw, begin)
        elif number == 2 and wire == _VARINT:
            time, _ = _varint(raw, begin, at)
        elif number <= 2:
            return time, bits, False
    return time, bits, True


@njit(cache=True)
def _histogram(raw: _Bytes, at: int, end: int) -> tuple[int, np.uint64, int, np.uint64, bool]:
    """Return a histogram's time, its count's bits and what those are, its sum's, and whether it is one."""
    time, count, total, holds = 0, np.uint64(0), np.uint64(0), COUNT_WHOLE
    is_gauge = False
    while at < end:
        number, wire, begin, at = _field(raw, at, end)
        if at < 0:
            return time, count, holds, total, False
        if number == 1 and wire == _VARINT:
            whole, _ = _varint(raw, begin, at)
            count, holds = np.uint64(whole), COUNT_WHOLE
        elif number == 2 and wire == _FIXED64:
            count, holds = _fixed64(raw, begin), COUNT
        elif number == 3 and wire == _FIXED64:
            total = _fixed64(raw, begin)
        elif number == 14 and wire == _VARINT:
            hint, _ = _varint(raw, begin, at)
            is_gauge = hint == _GAUGE_HINT
        elif number == 15 and wire == _VARINT:
            time, _ = _varint(raw, begin, at)
        elif number <= 3 or number in (14, 15):
            return time, count, holds, total, False
    if total == np.uint64(STALE):
        count, holds = total, COUNT
    return time, count, GAUGE_HISTOGRAM if is_gauge else holds, total, True


@njit(cache=True)
def _walk(
    raw: _Bytes,
    is_second: bool,
    fill: bool,
    starts: _Ints,
    stops: _Ints,
    kinds: _Ints,
    ends: _Ints,
    referred: _Ints,
    symbol_starts: _Ints,
    symbol_stops: _Ints,
    owners: _Ints,
    holds: _Bytes,
    times: _Ints,
    bits: _Uints,
) -> tuple[bool, int, int, int, int, int]:
    """Count a message's series, rows, exemplars, symbols and references; write them down when told to."""
    series = rows = exemplars = symbols = references = 0
    failed = (False, 0, 0, 0, 0, 0)
    histogram_field, exemplar_field = (3, 4) if is_second else (4, 3)
    series_field = 5 if is_second else 1
    at, end = 0, len(raw)
    while at < end:
        number, wire, begin, at = _field(raw, at, end)
        if at < 0:
            return failed
        if is_second and number == 4:
            if wire != _BYTES:
                return failed
            if fill:
                symbol_starts[symbols], symbol_stops[symbols] = begin, at
            symbols += 1
        if number != series_field:
            # What the other version holds is a sign of a wrong content type, not of a newer sender.
            if (is_second and number <= 3) or (not is_second and (number == 4 or number == 5)):
                return failed
            continue
        if wire != _BYTES:
            return failed
        inner, stop = begin, at
        first, last = begin, begin
        while inner < stop:
            before = inner
            number, wire, begin, inner = _field(raw, inner, stop)
            if inner < 0:
                return failed
            if number > 5:
                continue
            if number == 1 and is_second and wire == _VARINT:
                if fill:
                    referred[references], _ = _varint(raw, begin, inner)
                references += 1
                continue
            if wire != _BYTES:
                return failed
            if number == 1 and is_second:
                while begin < inner:
                    reference, begin = _varint(raw, begin, inner)
                    if begin < 0:
                        return failed
                    if fill:
                        referred[references] = reference
                    references += 1
            elif number == 1:
                first = before if last == first else first
                last = inner
            elif number == 2:
                time, value, is_one = _sample(raw, begin, inner)
                if not is_one:
                    return failed
                if fill:
                    owners[rows], holds[rows], times[rows], bits[rows] = series, VALUE, time, value
                rows += 1
            elif number == histogram_field:
                time, count, what, total, is_one = _histogram(raw, begin, inner)
                if not is_one:
                    return failed
                if fill:
                    owners[rows], holds[rows], times[rows], bits[rows] = series, what, time, count
                rows += 1
                if what != GAUGE_HISTOGRAM:
                    if fill:
                        owners[rows], holds[rows], times[rows], bits[rows] = series, SUM, time, total
                    rows += 1
            elif number == exemplar_field:
                exemplars += 1
            elif number == 5 and is_second:
                while begin < inner:
                    detail, form, inside, begin = _field(raw, begin, inner)
                    if begin < 0:
                        return failed
                    if detail == 1 and form == _VARINT and fill:
                        kinds[series], _ = _varint(raw, inside, begin)
        if fill:
            starts[series], stops[series], ends[series] = first, last, references
        series += 1
    return True, series, rows, exemplars, symbols, references


@njit(cache=True)
def _put_varint(joined: _Bytes, at: int, number: int) -> int:
    while number > 0x7F:
        joined[at] = 0x80 | (number & 0x7F)
        number >>= 7
        at += 1
    joined[at] = number
    return at + 1


@njit(cache=True)
def _length(number: int) -> int:
    """Return how many bytes a varint of the number takes."""
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@njit(cache=True)
def _join(
    raw: _Bytes,
    symbol_starts: _Ints,
    sizes: _Ints,
    referred: _Ints,
    ends: _Ints,
    starts: _Ints,
    stops: _Ints,
    joined: _Bytes,
) -> int:
    """Write every series' labels as 1.0's fields, and return where they end."""
    at = place = 0
    for series in range(len(ends)):
        starts[series] = at
        while place < ends[series]:
            inside = 0
            for one in range(2):
                size = sizes[referred[place + one]]
                inside += 1 + _length(size) + size
            joined[at] = 0x0A
            at = _put_varint(joined, at + 1, inside)
            for one in range(2):
                symbol = referred[place + one]
                joined[at] = 0x0A + 8 * one
                at = _put_varint(joined, at + 1, sizes[symbol])
                begin = symbol_starts[symbol]
                for offset in range(sizes[symbol]):
                    joined[at + offset] = raw[begin + offset]
                at += sizes[symbol]
            place += 2
        stops[series] = at
    return at
