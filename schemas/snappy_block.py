"""Snappy's block format, bounded before anything is unpacked: the one door to cramjam.

Source: google/snappy, format_description.txt, section 1: a block begins with its unpacked length.
"""

import cramjam

from schemas.errors import SchemaError

LARGEST_UNPACKED = 32 * 1024 * 1024
"""Bytes of one message after unpacking. Prometheus sends one or two MiB; a smaller bound drops what it may
send for good, a larger one lets a stranger take that much memory with 1.5 MiB."""


class TooLargeError(SchemaError):
    """A block says that it unpacks to more than the bound."""


def unpacked_block(data: bytes, limit: int = LARGEST_UNPACKED) -> bytes:
    """Return what a snappy block holds.

    Raises:
        TooLargeError: its header says more than `limit` bytes; none is unpacked.
        SchemaError: it is no such block.

    >>> unpacked_block(packed_block(b"cart " * 100)) == b"cart " * 100
    True
    """
    try:
        size = cramjam.snappy.decompress_raw_len(data)
        if size > limit:
            raise TooLargeError(f"snappy block unpacks to {size} bytes, expected at most {limit}")
        return bytes(cramjam.snappy.decompress_raw(data)) if data else b""
    except cramjam.DecompressionError as error:
        raise SchemaError("body is no snappy block, expected block format without framing") from error


def packed_block(data: bytes) -> bytes:
    """Return the data as a snappy block."""
    return bytes(cramjam.snappy.compress_raw(data))
