"""The one door to Helm: its own program, started without a shell, with arguments that were looked at."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from actions.errors import PermanentActionError
from actions.fence import require_open
from schemas.redaction import redact

HOOKS_S = 60
"""Seconds that each hook of a chart may take."""

LONGEST_S = 180
"""Seconds after which the program is stopped; the release is then pending until somebody looks at it."""

_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ENVIRONMENT = ("PATH", "HOME", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


class Helm:
    """Rolls releases back, and tells what a revision holds.

    Args:
        program: Its file.
        environment: Where it finds the cluster; of it, only what it needs is handed on.
    """

    def __init__(self, program: Path, environment: Mapping[str, str]) -> None:
        self._program = program
        self._environment = {key: environment[key] for key in _ENVIRONMENT if key in environment}

    def rollback(self, what: str, release: str, revision: int, namespace: str) -> None:
        """Write an earlier revision again, as a new one; what comes of its pods is not waited for.

        A failure is not tried again: each try makes a revision, and Helm keeps only so many.

        Raises:
            PermanentActionError: a name is none, there is no such program, or it failed; says its last line.
        """
        require_open()
        self._run(what, ["rollback"], release, [str(revision), "--timeout", f"{HOOKS_S}s"], namespace)

    def manifest(self, what: str, release: str, revision: int, namespace: str) -> str:
        """Return the objects of a revision as YAML; they may hold secrets, so they are never shown.

        Raises:
            PermanentActionError: as for a rollback.
        """
        return self._run(what, ["get", "manifest"], release, ["--revision", str(revision)], namespace)

    def _run(self, what: str, verb: list[str], release: str, more: list[str], namespace: str) -> str:
        if not _RELEASE.fullmatch(release) or not _NAMESPACE.fullmatch(namespace):
            raise PermanentActionError(f"{what}: {namespace}/{release} is no name of a release of Helm")
        arguments = [str(self._program), *verb, release, *more, "--namespace", namespace]
        try:
            # A session of its own: a signal to the executor must not cut a rollback in two.
            running = subprocess.Popen(
                arguments,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise PermanentActionError(f"{what}: {self._program} does not start: {error.strerror}") from error
        with running:
            try:
                told, said = running.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired as error:
                os.killpg(running.pid, signal.SIGKILL)
                raise PermanentActionError(f"{what}: helm did not end within {LONGEST_S} s") from error
        if running.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise PermanentActionError(f"{what}: helm {verb[0]} failed: {redact(lines[-1]) if lines else ''}")
        return told.decode(errors="replace")
