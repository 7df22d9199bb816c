"""How the result of a query is written."""

from enum import StrEnum


class Format(StrEnum):
    """How a result is written.

    TABLE for people; CSV (RFC 4180) and JSON, one array, for machines; PARQUET and ARROW (an IPC stream) keep
    types, and are bytes that no terminal can show.
    """

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def is_binary(self) -> bool:
        """Return whether it is bytes and no text."""
        return self in (Format.PARQUET, Format.ARROW)


TEXT_FORMATS = tuple(form for form in Format if not form.is_binary)
