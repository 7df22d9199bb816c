"""Remote write as it stands on its topic: which form a message has, told from headers or from bytes."""

from collections.abc import Iterable

from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.remote_write import RemoteWriteRead, RemoteWriteVersion, read_remote_write, version_of
from schemas.snappy_block import unpacked_block


def read_remote_write_record(
    value: bytes, headers: Iterable[tuple[str, bytes]], labels: LabelNames = DEFAULT_LABELS
) -> RemoteWriteRead:
    """Return the samples of a message, with the few buckets that tell of slow requests.

    Args:
        value: The message.
        headers: Its content encoding, `snappy` or nothing; and its content type, whose `proto` names the
            message. Without one it is told from the first byte.
        labels: Which labels say whose a series is.

    Raises:
        SchemaError: it is none.
    """
    said = {name.lower(): text.decode("latin-1") for name, text in headers}
    data = unpacked_block(value) if said.get("content-encoding") == "snappy" else value
    proto = said.get("content-type", "").partition("proto=")[2].strip()
    version = RemoteWriteVersion(proto) if proto in set(RemoteWriteVersion) else version_of(data)
    return read_remote_write(data, version, labels, every_bucket=False)
