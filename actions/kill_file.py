"""The kill switch that works without Kafka: a file whose presence stops every executor that sees it.

The file may be a key of a mounted ConfigMap or lie on a shared volume; its text is who set it and why.
"""

import os
from datetime import datetime
from pathlib import Path

from schemas.redaction import redact_typed

_LONGEST_BYTES = 2000
_LONGEST_TEXT = 300


def reason(path: Path) -> str:
    """Return why nothing may be changed, as the file says; "" while there is no file.

    A file that is there and cannot be read stops changes, too: who put it there meant to.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_BYTES).decode("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"{path} is there and cannot be read: {error.strerror}"
    # Whoever wrote it by hand may have written a secret, and outcomes tell what it says.
    line = redact_typed(" ".join("".join(letter if letter.isprintable() else " " for letter in text).split()))
    if len(line) > _LONGEST_TEXT:
        line = f"{line[: _LONGEST_TEXT - 1]}…"
    return line or f"{path} is there and says no reason"


def switch_on(path: Path, *, by: str, why: str, at: datetime) -> None:
    """Write the file, in one step: a reader sees all of it or none.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(f"{redact_typed(why) or 'no reason given'} ({by}, {at:%Y-%m-%d %H:%M:%S} UTC)\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def switch_off(path: Path) -> bool:
    """Remove the file; return whether it was there.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
