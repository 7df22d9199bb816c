"""A journal in a bucket: AWS S3 or anything that speaks its protocol, such as MinIO, Ceph or versitygw.

Source: Amazon S3 User Guide, "Amazon S3 data consistency model": a PUT is atomic, a successful one is
seen by every later read and listing. An upload in parts appears when it is completed, so a writer that
dies leaves nothing that can be seen; a bucket's lifecycle rule removes the parts of such uploads.
"""

from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath
from typing import Self

from pyarrow.fs import AwsStandardS3RetryStrategy, FileSelector, FileType, S3FileSystem

from feature_store.stores import StoredObject
from schemas.errors import SettingsError

_ATTEMPTS = 5
_CONNECT_S = 5.0
_REQUEST_S = 30.0


class S3Store:
    """Objects of a bucket whose keys begin with a prefix."""

    def __init__(self, root: PurePosixPath, filesystem: S3FileSystem) -> None:
        self._root = root
        self._filesystem = filesystem

    @classmethod
    def at(cls, place: str, environ: Mapping[str, str]) -> Self:
        """Return the store at a place.

        Args:
            place: `bucket/prefix`: the bucket, which must exist, and the beginning of all keys.
            environ: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` names a server that is not AWS.

        Raises:
            SettingsError: the address names no bucket, or carries a key or a question.
        """
        bucket, *prefix = filter(None, place.split("/")) if place.strip("/") else [""]
        if not bucket or not set(place).isdisjoint("@?#"):
            raise SettingsError(
                "the journal's address is not of the form s3://bucket/prefix; "
                "credentials go into AWS_* variables"
            )
        endpoint = (
            environ.get("AWS_ENDPOINT_URL_S3", "").strip() or environ.get("AWS_ENDPOINT_URL", "").strip()
        )
        filesystem = S3FileSystem(  # type: ignore[call-arg]  # the stubs are older than delayed opening
            endpoint_override=endpoint or None,
            # One PUT for what is small: an upload in parts costs three requests.
            allow_delayed_open=True,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            connect_timeout=_CONNECT_S,
            request_timeout=_REQUEST_S,
        )
        return cls(PurePosixPath(bucket, *prefix), filesystem)

    @property
    def root(self) -> PurePosixPath:
        """Return bucket and prefix."""
        return self._root

    @property
    def filesystem(self) -> S3FileSystem:
        """Return the client."""
        return self._filesystem

    def list(self, folder: PurePath) -> list[StoredObject]:
        """Return the objects whose keys lie below a folder, by path."""
        selector = FileSelector(folder.as_posix(), recursive=True, allow_not_found=True)
        found = [
            StoredObject(PurePosixPath(info.path), info.size)
            for info in self._filesystem.get_file_info(selector)
            if info.type is FileType.File and info.size is not None
        ]
        return sorted(found, key=lambda each: each.path.as_posix())

    def publish(self, path: PurePath, data: bytes) -> None:
        """Put an object in place."""
        with self._filesystem.open_output_stream(path.as_posix()) as stream:
            stream.write(data)

    def read(self, path: PurePath) -> bytes:
        """Return an object's bytes."""
        with self._filesystem.open_input_stream(path.as_posix()) as stream:
            return stream.read()

    def size(self, path: PurePath) -> int | None:
        """Return an object's size, None when it is missing."""
        info = self._filesystem.get_file_info(path.as_posix())
        return info.size if info.type is FileType.File else None

    def remove(self, path: PurePath) -> None:
        """Remove an object, if it is there."""
        try:
            self._filesystem.delete_file(path.as_posix())
        except FileNotFoundError:
            return

    def sweep(self) -> tuple[PurePath, ...]:
        """Return nothing: what a writer that died left cannot be seen."""
        return ()
