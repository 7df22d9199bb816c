"""A broker for an installation that was given none: the development tool's, as a process of its own."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from schemas.errors import SettingsError
from streams.settings import Settings

_TOOL = (sys.executable, "-m", "infra.dev")


@contextmanager
def broker_for(settings: Settings, *, may_be_second_best: bool = False) -> Iterator[Settings]:
    """Yield settings that name a broker: the one they name, or one that is started for the block.

    Its data lie in the installation's folder and outlive the block, since the journal goes on where
    their offsets end. One that an earlier, killed run left is used again.

    Args:
        settings: How the installation runs.
        may_be_second_best: Where Java is missing, take a small stand-in that loses data when it is
            killed, and say so; for a first look only.

    Raises:
        SettingsError: no broker is named, and none can be started here.
    """
    if settings.bootstrap:
        yield settings
        return
    name = "up-" + hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:8]
    try:
        yield replace(
            settings,
            bootstrap=_running(name) or _started(name, settings.data / "kafka", may_be_second_best),
        )
    finally:
        _tool("all", "down", "--name", name)


def _started(name: str, data: Path, may_be_second_best: bool) -> str:
    done = _tool("kafka", "up", "--name", name, "--data", str(data.resolve()))
    if done.returncode != 0 and may_be_second_best and shutil.which("java") is None:
        sys.stderr.write(
            "Java is missing, so noida-db stands in for Apache Kafka: good enough for a look, never for "
            "anything that is kept. Install Java 17 and Maven for the real one.\n"
        )
        done = _tool("noida", "up", "--name", name)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no word from it").splitlines()[-1]
        raise SettingsError(
            f"no Kafka to use: KAFKA_BOOTSTRAP is not set, and starting one here failed: {last}"
        )
    for line in done.stdout.splitlines():
        key, _, value = line.partition("\t")
        if key == "bootstrap":
            return value
    raise SettingsError("the local Kafka did not say where it listens")


def _running(name: str) -> str | None:
    for line in _tool("all", "status").stdout.splitlines():
        cells = line.split("\t")
        if cells[0] == name and "running" in cells:
            for word in cells[-1].split():
                if word.startswith("bootstrap="):
                    return word.removeprefix("bootstrap=")
    return None


def _tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_TOOL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        # The tool lies beside the packages in a checkout; an installed wheel lacks it and says so.
        cwd=Path(__file__).resolve().parent.parent,
    )
