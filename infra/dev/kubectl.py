"""Run `kubectl` against a cluster given by its kubeconfig."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["kubectl"]


def kubectl(kubeconfig: Path, *arguments: str, given: str | None = None) -> str:
    """Return what `kubectl` prints.

    Args:
        kubeconfig: Which cluster, and as whom.
        arguments: Its command line.
        given: Its standard input.

    Raises:
        RuntimeError: It failed; the message holds its complaint.
    """
    command = ["kubectl", f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
