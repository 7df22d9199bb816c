"""Which files of a change say what the build depends on."""

from fnmatch import fnmatchcase

from schemas.quality import Change

MANIFESTS = (
    "requirements*.txt",
    "constraints*.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "Pipfile*",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "pom.xml",
    "build.gradle*",
    "gradle.lockfile",
    "libs.versions.toml",
    "Gemfile*",
    "composer.json",
    "composer.lock",
    "packages.lock.json",
    "Chart.lock",
    "Dockerfile*",
)
"""Names of files in which the usual package managers write dependencies and what they were resolved to."""


def dependency_files(change: Change) -> int:
    """Return how many files with dependencies a change adds lines to.

    >>> dependency_files(Change(lines=2, files=2, lines_by_file=(("web/yarn.lock", (1,)), ("a.py", (1,)))))
    1
    """
    names = [path.rpartition("/")[2] for path, _ in change.lines_by_file]
    return sum(1 for name in names if any(fnmatchcase(name, pattern) for pattern in MANIFESTS))
