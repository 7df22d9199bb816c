"""Where commands that ask the journal find it."""

from pathlib import Path
from typing import Annotated

import typer

from streams.settings import read_settings

Data = Annotated[Path | None, typer.Option(help="Folder that holds the journal; default: SUTURE_DATA.")]


def journal_of(data: Path | None) -> Path:
    """Return the journal of a folder, or the configured one, which may be a bucket."""
    return read_settings().journal if data is None else data / "journal"
