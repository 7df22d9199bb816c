"""A bare git repository that tests' forges keep, changed and read with git's own plumbing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WHO = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
    "GIT_AUTHOR_DATE": "2026-11-01T03:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-01T03:00:00Z",
}


class GitError(Exception):
    """Git said no."""


class GitRepository:
    """Files in commits on branches; `files` maps paths to text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main")

    def git(self, *arguments: str, given: str = "", index: Path | None = None) -> str:
        more = {"GIT_INDEX_FILE": str(index)} if index else {}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_NOSYSTEM": "1",
                "HOME": str(self.folder),
                **WHO,
                **more,
            },
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GitError(done.stderr)
        return done.stdout.strip()

    def commit(self, files: dict[str, str | None], branch: str = "main", message: str = "change") -> str:
        """Commit on a branch, on top of what is there; None takes a file away."""
        parent = self.tip(branch)
        entries = []
        for path, text in files.items():
            blob = "0" * 40 if text is None else self.git("hash-object", "-w", "--stdin", given=text)
            entries.append(f"{'0' if text is None else '100644'} {blob}\t{path}")
        tree = self.tree_from(f"{parent}^{{tree}}" if parent else "", entries)
        commit = self.git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", message)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def tree_from(self, base: str, entries: list[str]) -> str:
        """Return a tree: a base with entries of `git update-index --index-info` laid over it."""
        index = self.folder / "tests-index"
        index.unlink(missing_ok=True)
        if base:
            self.git("read-tree", base, index=index)
        self.git("update-index", "--add", "--index-info", given="\n".join(entries) + "\n", index=index)
        return self.git("write-tree", index=index)

    def tip(self, branch: str) -> str:
        """Return the commit at the end of a branch; "" for no such branch."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        except GitError:
            return ""

    def files(self, revision: str) -> dict[str, str]:
        """Return what a commit holds."""
        paths = self.git("ls-tree", "-r", "--name-only", revision).splitlines()
        return {path: self.git("show", f"{revision}:{path}") for path in paths}

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
