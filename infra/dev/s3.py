"""A bucket on this machine: versitygw, a server that speaks S3's protocol over a folder.

with s3.running() as server:
    store = open_store(f"s3://{server.bucket}/prefix", server.environment)
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.dev import cache, golang, instances
from infra.dev.instances import Instance
from infra.dev.ports import LOOPBACK
from infra.dev.starting import start_on_free_ports

__all__ = ["S3Server", "available", "fetch", "is_fetched", "running", "up"]

VERSION = "1.8.0"
SOURCE = Path(__file__).parent / "s3-gateway"
MODULE = "github.com/versity/versitygw"
PROGRAM = "versitygw"
ROLE = "server"
BUCKET = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running one.

    Attributes:
        instance: Its record and folder.
        url: Where it answers.
        bucket: A bucket that is there.
        access_key: Names who may do everything.
        secret_key: Proves it.
    """

    instance: Instance
    url: str
    bucket: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients of AWS find and enter it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    @property
    def folder(self) -> Path:
        """The folder that is the bucket: a file below it is an object."""
        return self.instance.path("data", self.bucket)


def available() -> str | None:
    """Return why it cannot be built here, None when it can."""
    return golang.missing()


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return cache.entry_of("s3", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the program, built if need be (some two minutes on two cores).

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    folder = cache.cached(
        "s3",
        VERSION,
        [SOURCE],
        lambda folder: golang.build(SOURCE, [f"{MODULE}/cmd/{PROGRAM}"], folder),
    )
    return folder / PROGRAM


@contextmanager
def running(*, name: str | None = None, keep: bool = False) -> Iterator[S3Server]:
    """Run it, with one bucket, for the length of a `with` block.

    Args:
        name: The instance's name; by default one that nobody else has.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: It cannot be built here.
        StartError: It did not come up.
    """
    program = fetch()
    with instances.owned("s3", name, keep=keep) as instance:
        access, secret = secrets.token_hex(8), secrets.token_hex(16)
        folder = instance.path("data", BUCKET)
        folder.mkdir(parents=True, exist_ok=True)

        def start(ports: Sequence[int]) -> str:
            address = f"{LOOPBACK}:{ports[0]}"
            instance.log(ROLE).unlink(missing_ok=True)
            instance.start(
                ROLE,
                [str(program), "--port", address, "--quiet", "posix", str(folder.parent)],
                {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret},
            )
            instance.wait_while_alive(ROLE, lambda: _listens(ports[0]))
            return f"http://{address}"

        url = start_on_free_ports(1, start)
        server = S3Server(instance=instance, url=url, bucket=BUCKET, access_key=access, secret_key=secret)
        instance.values |= server.environment
        instance.values["bucket"] = BUCKET
        instance.save()
        yield server


def up(name: str) -> Instance:
    """Start one that stays until `down`; print what a client needs."""
    with running(name=name, keep=True) as server:
        return server.instance


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False
