"""Reads the values that a list of runbooks names: from files and from the executor's own variables."""

import os
from collections.abc import Mapping
from pathlib import Path

from actions.errors import PermanentActionError
from actions.runbook_list import Source


def read_sources(what: str, sources: Mapping[str, Source]) -> dict[str, str]:
    """Return the values by name.

    Args:
        what: Begins the text of an error.
        sources: Where each comes from.

    Raises:
        PermanentActionError: one cannot be read; never repeats a value.
    """
    return {name: source.prefix + _value(what, name, source) for name, source in sources.items()}


def secrets_of(sources: Mapping[str, Source], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that must not be shown, without what stands before them."""
    return tuple(
        values[name].removeprefix(source.prefix) for name, source in sources.items() if source.is_secret
    )


def _value(what: str, name: str, source: Source) -> str:
    if source.file:
        try:
            return Path(source.file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise PermanentActionError(f"{what}: {name} from {source.file}: {reason}") from None
    if source.variable:
        value = os.environ.get(source.variable, "")
        if not value:
            raise PermanentActionError(f"{what}: {name} is in no variable {source.variable}")
        return value
    return source.value
