"""What the pre-deploy gate remembers of earlier builds: reports, results, and what humans said of them.

A file of JSON lines for each service in an environment, written whole under another name and then
renamed, so that a reader never sees half of it; one writer at a time holds a lock beside it. It is
bounded: the newest versions are kept, and line numbers of coverage only of the last one.
"""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

from feature_store.disk import Disk
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName, ServiceName, derived_id
from schemas.quality import GateResult, PastBuild, Ruling
from schemas.reports import BuildReport, BuildReported, CoverageReport

MOST_BUILDS = 50
"""Versions that are kept of a service in an environment. More learns flakiness better and reads slower."""

MOST_BYTES = 128 * 1024 * 1024
"""Of a service's file, about 50 versions of 16,000 tests; a gate reads it in about two seconds."""

_MOST_RUNS = 50
"""Files of test results that are kept of a version: its shards, and their repetitions."""

_LONGEST_FILE_NAME = 200


class GateHistory(Protocol):
    """What the gate may learn from earlier builds, wherever it is kept."""

    def builds(self, environment: EnvironmentName, service: ServiceName) -> tuple[PastBuild, ...]:
        """Return the builds of a service in an environment, oldest first."""
        ...

    def add_report(self, reported: BuildReported) -> None:
        """Keep a report; the same again changes nothing."""
        ...

    def add_result(self, result: GateResult) -> None:
        """Keep what the gate said; the newest of a version counts."""
        ...

    def add_ruling(self, ruling: Ruling) -> None:
        """Keep what a human said; the newest of a version counts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of the file."""

    kind: Literal["report", "result", "ruling"]
    reported: BuildReported | None = None
    result: GateResult | None = None
    ruling: Ruling | None = None

    @property
    def version(self) -> str:
        """Return which build the line is about."""
        body = self.reported or self.result or self.ruling
        return "" if body is None else body.version


class GateHistoryFiles:
    """The history in a folder.

    Args:
        folder: Where; made when something is kept.
        most: How many versions of a service are kept.
        most_bytes: How large a service's file may get; the newest version is kept whatever its size.
        disk: How files are put in place.
    """

    def __init__(
        self,
        folder: Path,
        most: int = MOST_BUILDS,
        most_bytes: int = MOST_BYTES,
        disk: Disk | None = None,
    ) -> None:
        self._folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._disk = disk or Disk()

    def builds(self, environment: EnvironmentName, service: ServiceName) -> tuple[PastBuild, ...]:
        """Return the builds of a service in an environment, oldest first.

        Raises:
            SchemaError: a line of the file is not what this version of Suture writes.
            SettingsError: the file cannot be read.
        """
        return builds_of(self._read(self._path(environment, service)))

    def add_report(self, reported: BuildReported) -> None:
        """Keep a report; the same file again for the same version changes nothing.

        Raises:
            SchemaError: a line of the file is not what this version of Suture writes.
            SettingsError: the folder or the file cannot be written.
        """
        self._add(reported.environment, reported.service, _Line(kind="report", reported=reported))

    def add_result(self, result: GateResult) -> None:
        """Keep what the gate said of a build.

        Raises:
            SchemaError: likewise.
            SettingsError: likewise.
        """
        self._add(result.environment, result.service, _Line(kind="result", result=result))

    def add_ruling(self, ruling: Ruling) -> None:
        """Keep what a human said of a build.

        Raises:
            SchemaError: likewise, or nothing is known of that version.
            SettingsError: likewise.
        """
        known = self._read(self._path(ruling.environment, ruling.service))
        if all(line.version != ruling.version for line in known):
            raise SchemaError(
                f"version {ruling.version} of {ruling.environment}/{ruling.service} is not in the gate's "
                "history, expected one that was reported"
            )
        self._add(ruling.environment, ruling.service, _Line(kind="ruling", ruling=ruling))

    def _add(self, environment: EnvironmentName, service: ServiceName, line: _Line) -> None:
        path = self._path(environment, service)
        try:
            self._disk.make_folder(self._folder)
            with self._locked(path):
                lines = self._read(path)
                if _is_repeat(line, lines):
                    return
                kept = _bounded([*lines, line], self._most)
                self._disk.publish(path, _written(kept, self._most_bytes))
        except OSError as error:
            raise SettingsError(f"the gate's history {path}: {error.strerror or error}") from error

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """Wait until no other process writes this file; a lock goes with its process."""
        with path.with_suffix(".lock").open("wb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _read(self, path: Path) -> list[_Line]:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SettingsError(f"the gate's history {path}: {error.strerror or error}") from error
        lines = []
        for number, text in enumerate(data.split(b"\n"), start=1):
            if not text:
                continue
            try:
                lines.append(from_json(_Line, text))
            except SchemaError as error:
                raise SchemaError(f"{path}:{number}: {error}; move the file away to begin anew") from error
        return lines

    def _path(self, environment: EnvironmentName, service: ServiceName) -> Path:
        name = f"{quote(environment, safe='')}~{quote(service, safe='')}"
        if len(name) > _LONGEST_FILE_NAME:
            name = f"{name[: _LONGEST_FILE_NAME - 40]}~{derived_id('gate-history', environment, service)}"
        return self._folder / f"{name}.jsonl"


def builds_of(lines: Iterable[_Line]) -> tuple[PastBuild, ...]:
    """Return builds in the order in which they were first heard of."""
    builds: dict[str, PastBuild] = {}
    for line in lines:
        body = line.reported or line.result or line.ruling
        if body is None:
            continue
        build = builds.get(body.version, PastBuild(version=body.version, at=body.at))
        if line.reported is not None:
            build = replace(
                build,
                reports=(*build.reports, line.reported.report),
                commit=line.reported.commit or build.commit,
                author=line.reported.author or build.author,
                reported_at=max(line.reported.at, build.reported_at or line.reported.at),
            )
        elif line.result is not None:
            build = replace(build, result=line.result)
        else:
            build = replace(build, ruling=line.ruling)
        builds[body.version] = build
    return tuple(builds.values())


def _is_repeat(line: _Line, lines: Iterable[_Line]) -> bool:
    """Return whether a pipeline's step was only run again: the same file of the same name."""
    new = line.reported
    return new is not None and any(
        known.version == new.version
        and (known.report.digest, known.report.name) == (new.report.digest, new.report.name)
        for known in (entry.reported for entry in lines)
        if known is not None
    )


def _bounded(lines: list[_Line], most: int) -> list[_Line]:
    """Return the lines of the newest versions: each fact's newest, and of test runs the newest few.

    Line numbers of coverage are kept of the newest version and of the one that was written about.
    """
    versions = list(dict.fromkeys(line.version for line in lines))
    kept = set(versions[-most:])
    whole = {versions[-1], lines[-1].version}
    seen: dict[tuple[str, ...], int] = {}
    newest_first = []
    for line in reversed(lines):
        fact = _fact(line)
        seen[fact] = seen.get(fact, 0) + 1
        if line.version in kept and seen[fact] <= (_MOST_RUNS if fact[-1] == "tests" else 1):
            newest_first.append(line if line.version in whole else _without_lines(line))
    return newest_first[::-1]


def _written(lines: list[_Line], most_bytes: int) -> bytes:
    """Return the lines as a file, without the oldest versions where it would be too large."""
    texts = [(line.version, to_json(line) + b"\n") for line in lines]
    sizes: dict[str, int] = {}
    for version, text in texts:
        sizes[version] = sizes.get(version, 0) + len(text)
    total = sum(sizes.values())
    gone = set()
    for version in list(sizes)[:-1]:
        if total <= most_bytes:
            break
        total -= sizes[version]
        gone.add(version)
    return b"".join(text for version, text in texts if version not in gone)


def _fact(line: _Line) -> tuple[str, ...]:
    """Return what a line is about: a later one of the same replaces it, test runs aside."""
    if line.reported is None:
        return (line.version, line.kind)
    report = line.reported.report
    if report.content.kind == "tests":
        return (line.version, "tests")
    return (line.version, "report", report.format.value, report.name)


def _without_lines(line: _Line) -> _Line:
    if line.reported is None or not isinstance(line.reported.report.content, CoverageReport):
        return line
    return replace(line, reported=replace(line.reported, report=without_line_numbers(line.reported.report)))


def without_line_numbers(report: BuildReport) -> BuildReport:
    """Return a coverage report with its counts alone; any other as it is."""
    content = report.content
    if not isinstance(content, CoverageReport):
        return report
    files = tuple(replace(file, covered=(), missed=()) for file in content.files)
    return replace(report, content=replace(content, files=files))
