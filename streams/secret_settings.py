"""Secrets of the shells: each from its variable, or from a file that the same variable with `_FILE` names."""

from collections.abc import Mapping
from pathlib import Path

from schemas.errors import SettingsError


def secret_text(given: Mapping[str, str], name: str) -> str:
    """Return what a secret's variable or its file holds, as it stands there; "" for neither.

    Raises:
        SettingsError: the file cannot be read, or is not text; never repeats what it holds.
    """
    file = given.get(f"{name}_FILE", "").strip()
    if not file:
        return given.get(name, "")
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{name}_FILE names {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}_FILE names {file}, which is not text") from error


def secret_lines(given: Mapping[str, str], name: str) -> list[str]:
    """Return the secrets of a variable that may hold several, one a line; blanks around do not count.

    Raises:
        SettingsError: as `secret_text`.
    """
    return [line.strip() for line in secret_text(given, name).splitlines() if line.strip()]
