"""Places for journals: a folder, and a bucket of a real server that speaks S3's protocol."""

from collections.abc import Iterator
from itertools import count
from os import environ
from pathlib import Path

import pytest

from feature_store.stores import JournalPlace
from infra.dev import s3
from tests.feature_store.places import Places


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[s3.S3Server]:
    """A server with a bucket; tests share it, so each takes a prefix of its own."""
    if not s3.is_fetched() and not environ.get("CI"):
        pytest.skip("no S3 server is built here, expected `python -m infra.dev s3 fetch` before")
    with s3.running() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


_numbers = count()


@pytest.fixture(scope="session", params=["folder", "bucket"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Where journals of a test lie, by turns in a folder and in a bucket."""
    if request.param == "folder":
        return Places(tmp_path_factory.mktemp("journals"), None)
    server = request.getfixturevalue("bucket_server")
    return Places(Path(f"s3://{server.bucket}/journals-{next(_numbers)}"), server)


@pytest.fixture
def place(places: Places) -> JournalPlace:
    """A place of a test's own, in a folder and in a bucket."""
    return places.new()
