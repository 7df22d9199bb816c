"""Announcing a release as a pipeline does: by `suture ci deploy`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import SutureError
from schemas.keys import ReleaseId
from streams.demo.stage import Announced

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Announcer:
    """Runs the command that a pipeline would.

    Attributes:
        environment: Variables that lead it to the installation.
    """

    environment: Mapping[str, str]

    def __call__(self, service: str, version: str, environment: str, template: str = "") -> Announced:
        """Tell Suture that a version begins to reach an environment.

        Raises:
            SutureError: the command failed.
        """
        arguments = ["ci", "deploy", "--service", service, "--version", version]
        arguments += ["--environment", environment]
        if template:
            arguments += ["--template", template]
        command = shlex.join(["suture", *arguments])
        try:
            done = subprocess.run(
                [sys.executable, "-m", "streams.cli", *arguments],
                env={**os.environ, **self.environment},
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise SutureError(f"{command} did not end within {_SECONDS:.0f} s") from error
        if done.returncode != 0:
            last = (done.stderr.strip() or "no word from it").splitlines()[-1]
            raise SutureError(f"{command} failed: {last}")
        return Announced(
            release=ReleaseId(done.stdout.strip()), version=version, command=command, template=template
        )
