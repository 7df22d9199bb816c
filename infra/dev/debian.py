"""Programs that come as packages of the distribution."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from infra.dev.cache import PartUnavailableError, report, root
from infra.dev.locks import locked

__all__ = ["install", "missing"]

APT_LOCK = "apt.lock"


def missing(programs: Mapping[str, str]) -> str | None:
    """Return why these programs cannot be had here, None when they are there or can be installed.

    Args:
        programs: The package of each program.
    """
    absent = _absent(programs)
    if not absent or _can_install():
        return None
    return (
        f"{', '.join(absent)} not installed, expected the packages {' '.join(sorted(set(absent.values())))}"
    )


def install(programs: Mapping[str, str]) -> None:
    """Install the packages of the programs that are not there.

    Raises:
        PartUnavailableError: That takes another user or another distribution, or failed.
    """
    absent = _absent(programs)
    if not absent:
        return
    if reason := missing(programs):
        raise PartUnavailableError(reason)
    packages = sorted(set(absent.values()))
    with locked(root() / APT_LOCK):
        report(f"installing {' '.join(packages)}")
        command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        # The lists of a fresh machine are empty, those of an old one name versions that are gone.
        if _apt(command) and (_apt(["apt-get", "update"]) or _apt(command)):
            raise PartUnavailableError(
                f"could not install {' '.join(packages)}, expected apt-get to find them"
            )


def _absent(programs: Mapping[str, str]) -> dict[str, str]:
    return {program: package for program, package in programs.items() if shutil.which(program) is None}


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt(command: list[str]) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode
