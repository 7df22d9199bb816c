"""How the result of a query is written."""

from enum import StrEnum


class Format(StrEnum):
    """How a result is written: TABLE for people; CSV (RFC 4180) and JSON, one array, for machines."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
