"""Contents of a report's file, or of standard input, as far as any reader looks."""

import sys
from pathlib import Path

from actions.quality.reading import LARGEST_BYTES
from schemas.errors import SchemaError


def contents_of(file: Path) -> bytes:
    """Return a file's bytes, one more than is ever read when there are too many.

    Raises:
        SchemaError: there is no such file, or it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read(LARGEST_BYTES + 1)
    if not file.is_file():
        raise SchemaError(f"{file}: is no file, expected a report")
    try:
        with file.open("rb") as handle:
            return handle.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SchemaError(f"{file}: {error.strerror}") from error
