"""When a commit was made, as the git checkout says in which a pipeline's step runs."""

import subprocess
from datetime import datetime
from pathlib import Path

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError

_PATIENCE_S = 10.0


def commit_time(commit: str, folder: Path | None = None) -> datetime | None:
    """Return when a commit was committed; None where git, its checkout or the commit is not at hand.

    The committer's date, not the author's: a change that was rebased or merged by squashing is as old as
    the commit that is deployed. It is by the clock of the machine that committed.

    Args:
        commit: Revision, or "" for unknown.
        folder: Where to look; None for the working directory.

    Source: git-scm.com/docs/git-log, "Pretty formats", `%cI`.
    """
    if not commit:
        return None
    asked = ("git", "log", "-1", "--no-show-signature", "--format=%cI", "--end-of-options", commit, "--")
    try:
        answer = subprocess.run(asked, cwd=folder, capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        return None
    try:
        return read_instant("committer date", answer.stdout.decode("ascii", "replace").strip())
    except SchemaError:
        return None
