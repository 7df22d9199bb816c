"""The gate's history: whole or not at all, the same twice is once, and bounded."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feature_store.disk import Disk
from feature_store.gate_history import GateHistoryFiles
from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName, ServiceName
from schemas.quality import GateOutcome, GateResult, Ruling, RulingKind
from schemas.reports import (
    BuildReport,
    BuildReported,
    CaseOutcome,
    CaseResult,
    CoverageReport,
    FileCoverage,
    ReportFormat,
    TestReport,
)

CART, PROD = ServiceName("cart"), EnvironmentName("prod")
AT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def run_of(digest: str, version: str = "1.0", name: str = "junit.xml") -> BuildReported:
    case = CaseResult(suite="s", class_name="c", name="t", outcome=CaseOutcome.PASSED)
    report = BuildReport(
        format=ReportFormat.JUNIT, name=name, digest=digest, size_bytes=1, content=TestReport(cases=(case,))
    )
    return BuildReported(
        service=CART, version=version, environment=PROD, at=AT, report=report, commit="c0ffee"
    )


def coverage(version: str, digest: str) -> BuildReported:
    file = FileCoverage(path="a.py", covered=(1, 2), missed=(3,), covered_count=2, total_count=3)
    report = BuildReport(
        format=ReportFormat.LCOV,
        name="c.info",
        digest=digest,
        size_bytes=1,
        content=CoverageReport(files=(file,)),
    )
    return replace(run_of(digest, version), report=report)


def result(version: str, outcome: GateOutcome, minutes: int = 0) -> GateResult:
    return GateResult(
        service=CART,
        version=version,
        environment=PROD,
        at=AT + timedelta(minutes=minutes),
        outcome=outcome,
        score=None,
        failure_chance=0.1,
        parts=(),
        reasons=("because",),
    )


def ruling(version: str, kind: RulingKind) -> Ruling:
    return Ruling(service=CART, version=version, environment=PROD, at=AT, kind=kind, by="ada", reason="seen")


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path / "gate")
    history.add_report(run_of("a"))
    history.add_report(run_of("b", version="1.1"))
    history.add_result(result("1.0", GateOutcome.PASS))
    first, second = GateHistoryFiles(tmp_path / "gate").builds(PROD, CART)
    assert (first.version, first.commit, first.outcome) == ("1.0", "c0ffee", GateOutcome.PASS)
    assert (second.version, second.outcome) == ("1.1", None)
    assert first.reports == (run_of("a").report,)


def test_an_unknown_service_has_no_builds_and_nothing_is_made_for_it(tmp_path: Path) -> None:
    assert GateHistoryFiles(tmp_path / "gate").builds(PROD, CART) == ()
    assert not (tmp_path / "gate").exists()


def test_the_same_file_reported_again_changes_nothing(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path)
    history.add_report(run_of("a"))
    before = (tmp_path / "prod~cart.jsonl").read_bytes()
    history.add_report(replace(run_of("a"), at=AT + timedelta(hours=1)))
    assert (tmp_path / "prod~cart.jsonl").read_bytes() == before


def test_two_runs_of_the_same_tests_are_two_runs(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path)
    for digest in "ab":
        history.add_report(run_of(digest))
    (build,) = history.builds(PROD, CART)
    assert [report.digest for report in build.reports] == ["a", "b"]


def test_the_newest_result_and_the_newest_ruling_count(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path)
    history.add_report(run_of("a"))
    for minutes in range(5):
        history.add_result(result("1.0", GateOutcome.FAIL, minutes))
    assert len((tmp_path / "prod~cart.jsonl").read_bytes().splitlines()) == 2
    assert history.builds(PROD, CART)[0].outcome is GateOutcome.FAIL
    history.add_ruling(ruling("1.0", RulingKind.INVALIDATED))
    assert history.builds(PROD, CART)[0].outcome is None
    history.add_ruling(ruling("1.0", RulingKind.ACCEPTED))
    assert history.builds(PROD, CART)[0].outcome is GateOutcome.PASS


def test_a_ruling_on_a_version_that_nobody_reported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"version 9\.9 of prod/cart is not in the gate's history"):
        GateHistoryFiles(tmp_path).add_ruling(ruling("9.9", RulingKind.ACCEPTED))


def test_old_versions_go_and_keep_no_line_numbers_before(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path, most=2)
    for number in range(4):
        history.add_report(coverage(f"1.{number}", str(number)))
    old, new = history.builds(PROD, CART)
    assert (old.version, new.version) == ("1.2", "1.3")
    contents = [old.reports[0].content, new.reports[0].content]
    files = [content.files[0] for content in contents if isinstance(content, CoverageReport)]
    assert [file.covered for file in files] == [(), (1, 2)]
    assert [file.covered_count for file in files] == [2, 2]


def test_a_file_that_would_grow_too_large_loses_its_oldest_versions(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path, most_bytes=1000)
    for number in range(6):
        history.add_report(run_of(str(number), version=f"1.{number}"))
        assert (tmp_path / "prod~cart.jsonl").stat().st_size <= 1000
    versions = [build.version for build in history.builds(PROD, CART)]
    assert versions[-1] == "1.5"
    assert 1 < len(versions) < 6
    tiny = GateHistoryFiles(tmp_path, most_bytes=1)
    tiny.add_report(run_of("7", version="1.7"))
    assert [build.version for build in tiny.builds(PROD, CART)] == ["1.7"]


def test_a_word_about_an_old_version_takes_nothing_from_the_newest(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path)
    history.add_report(coverage("1.0", "a"))
    history.add_report(coverage("1.1", "b"))
    history.add_ruling(ruling("1.0", RulingKind.INVALIDATED))
    content = history.builds(PROD, CART)[1].reports[0].content
    assert isinstance(content, CoverageReport)
    assert content.files[0].covered == (1, 2)


class FailingDisk(Disk):
    """A disk that is full when the file should get its name."""

    def rename(self, source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(source), None, str(target))


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    GateHistoryFiles(tmp_path).add_report(run_of("a"))
    with pytest.raises(SettingsError, match="No space left on device"):
        GateHistoryFiles(tmp_path, disk=FailingDisk()).add_report(run_of("b"))
    (build,) = GateHistoryFiles(tmp_path).builds(PROD, CART)
    assert [report.digest for report in build.reports] == ["a"]


def test_a_damaged_line_is_told_with_its_place(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path)
    history.add_report(run_of("a"))
    path = tmp_path / "prod~cart.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind": "report", "repor')
    with pytest.raises(SchemaError, match=r"prod~cart\.jsonl:2: .*move the file away"):
        history.builds(PROD, CART)


def test_pipelines_that_report_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> None:
        GateHistoryFiles(tmp_path).add_report(run_of(str(number), name=f"{number}.xml"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    (build,) = GateHistoryFiles(tmp_path).builds(PROD, CART)
    assert len(build.reports) == 24


def test_names_cannot_leave_the_folder_or_grow_beyond_a_file_name(tmp_path: Path) -> None:
    history = GateHistoryFiles(tmp_path / "gate")
    for service in ("..", "é" * 200, "a~b", "a%7Eb"):
        history.add_report(replace(run_of("a"), service=ServiceName(service)))
        assert len(history.builds(PROD, ServiceName(service))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gate"]
    assert len(list((tmp_path / "gate").glob("*.jsonl"))) == 4
