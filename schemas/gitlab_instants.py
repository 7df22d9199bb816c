"""Instants as GitLab's webhooks print them: Ruby's form, or that of RFC 3339."""

import re
from datetime import UTC, datetime

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError

_RUBY_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) (UTC|[+-][0-9]{4})")


def read_gitlab_instant(what: str, text: str) -> datetime:
    """Return the instant of a time as Ruby prints it, or of RFC 3339.

    Args:
        what: Path of the field, for the message.
        text: Its value.

    Raises:
        SchemaError: it is neither, or no such instant exists.

    >>> read_gitlab_instant("status_changed_at", "2021-04-28 21:50:00 +0200")
    datetime.datetime(2021, 4, 28, 19, 50, tzinfo=datetime.timezone.utc)
    """
    printed = _RUBY_TIME.fullmatch(text)
    if printed is None:
        return read_instant(what, text)
    offset = "+0000" if printed[2] == "UTC" else printed[2]
    try:
        return datetime.strptime(f"{printed[1]} {offset}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SchemaError(f"{what} is not an instant that exists") from error
