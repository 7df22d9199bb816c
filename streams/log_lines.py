"""Log lines: a constant event, then what varies as name=value."""

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class NamedValues(logging.Formatter):
    """Formats a record as `time level logger event name=value ...`, on one line unless it has a traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """Return the line with the record's extras behind it."""
        extras = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        return super().formatMessage(record) + extras


def set_up_logging(level: str) -> None:
    """Log to standard error from a level on; the clients' own chatter only from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(NamedValues())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("suture").setLevel(level.upper())
    # kafka-python and aiokafka log every retry of a connection as an error.
    for noisy in ("kafka", "aiokafka", "faust", "mode"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if level.upper() != "DEBUG" else logging.INFO)
