"""Exported tables hold each effect of the journal once, as their own libraries read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyiceberg.catalog
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from pyiceberg.utils.config import Config
from typer.testing import CliRunner

from feature_store import export_delta, export_iceberg
from feature_store.exported_rows import ExportError, steps_behind
from feature_store.journal import FlushLimits, Journal
from streams.cli import app
from tests.feature_store.journal_writer import START, make_log

Numbered = list[tuple[int, Any]]


class Format(Protocol):
    """A format of tables: how to export into one, and how its own library reads it."""

    def export(self, journal: Path, step_rows: int = ...) -> int:
        """Export the journal, return the number of rows."""

    def rows(self) -> pa.Table:
        """Return all that the table holds."""


class Delta:
    def __init__(self, folder: Path) -> None:
        self.destination = str(folder / "table")

    def export(self, journal: Path, step_rows: int = 1000) -> int:
        return export_delta.export_delta(journal, self.destination, step_rows)

    def rows(self) -> pa.Table:
        return DeltaTable(self.destination).to_pyarrow_table()


class Iceberg:
    def __init__(self) -> None:
        self.destination = "test.suture.effects"

    def export(self, journal: Path, step_rows: int = 1000) -> int:
        return export_iceberg.export_iceberg(journal, self.destination, step_rows)

    def rows(self) -> pa.Table:
        table = export_iceberg.open_table(self.destination)
        assert table is not None
        return table.scan().to_arrow()


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell pyiceberg of a catalog, in the way that its users do."""
    (tmp_path / "warehouse").mkdir()
    monkeypatch.setenv("PYICEBERG_CATALOG__TEST__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__TEST__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__TEST__WAREHOUSE", f"file://{tmp_path}/warehouse")
    # It reads the environment once, when it is imported.
    monkeypatch.setattr(pyiceberg.catalog, "_ENV_CONFIG", Config())


@pytest.fixture(params=["delta", "iceberg"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Format:
    return Delta(tmp_path) if request.param == "delta" else Iceberg()


def write(journal: Path, log: Any, partition: int = 3) -> None:
    writer = Journal(journal, clock=lambda: START, limits=FlushLimits(rows=7))
    begin = writer.resume_offsets().get(partition, 0)
    rest = [row for row in log if row[0] >= begin]
    for start in range(0, len(rest), 5):
        writer.append(partition, rest[start : start + 5])
    writer.flush()


def places(rows: pa.Table) -> Counter[tuple[int, int]]:
    columns = [rows.column(name).to_pylist() for name in ("log_partition", "log_offset")]
    return Counter(zip(*columns, strict=True))


def kept(journal: Path) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for step in steps_behind(journal, {}):
        found += places(step.rows)
    return found


def test_the_table_holds_each_effect_once_and_in_full(table: Format, tmp_path: Path) -> None:
    write(tmp_path / "journal", make_log(1, 200))
    write(tmp_path / "journal", make_log(2, 50), partition=4)
    expected = kept(tmp_path / "journal")
    assert set(expected.values()) == {1}
    assert table.export(tmp_path / "journal", 60) == len(expected)
    assert places(table.rows()) == expected
    (step,) = steps_behind(tmp_path / "journal", {})
    order: list[tuple[str, Literal["ascending", "descending"]]] = [
        ("log_partition", "ascending"),
        ("log_offset", "ascending"),
    ]
    assert table.rows().sort_by(order).to_pylist() == step.rows.sort_by(order).to_pylist()


def test_a_second_export_appends_what_came_since_also_when_files_were_merged_meanwhile(
    table: Format, tmp_path: Path
) -> None:
    log = make_log(1, 900)
    write(tmp_path / "journal", log[:90])
    first = table.export(tmp_path / "journal")
    assert table.export(tmp_path / "journal") == 0
    write(tmp_path / "journal", log)
    assert list((tmp_path / "journal").glob("**/*.json.gz")), "files were merged"
    second = table.export(tmp_path / "journal")
    assert places(table.rows()) == kept(tmp_path / "journal")
    assert first + second == len(kept(tmp_path / "journal"))


def test_an_export_that_dies_between_two_commits_is_taken_up(
    table: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "journal", make_log(1, 200))
    module: Any = export_delta if isinstance(table, Delta) else export_iceberg
    append: Callable[..., None] = module.append_step
    calls: list[object] = []

    def dying(*arguments: Any) -> None:
        append(*arguments)
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "append_step", dying)
    with pytest.raises(KeyboardInterrupt):
        table.export(tmp_path / "journal", 40)
    monkeypatch.setattr(module, "append_step", append)
    table.export(tmp_path / "journal", 40)
    assert places(table.rows()) == kept(tmp_path / "journal")


def test_of_two_exports_at_once_to_a_delta_table_one_is_refused(tmp_path: Path) -> None:
    delta = Delta(tmp_path)
    write(tmp_path / "journal", make_log(1, 60))
    delta.export(tmp_path / "journal")
    write(tmp_path / "journal", make_log(1, 120))
    late = DeltaTable(delta.destination)
    (step,) = steps_behind(tmp_path / "journal", export_delta._ends(late))
    delta.export(tmp_path / "journal")
    with pytest.raises(CommitFailedError):
        export_delta.append_step(late, step)
    assert places(delta.rows()) == kept(tmp_path / "journal")


def test_of_two_exports_at_once_to_an_iceberg_table_one_is_refused(tmp_path: Path) -> None:
    iceberg = Iceberg()
    write(tmp_path / "journal", make_log(1, 60))
    iceberg.export(tmp_path / "journal")
    write(tmp_path / "journal", make_log(1, 120))
    late = export_iceberg.open_table(iceberg.destination)
    assert late is not None
    (step,) = steps_behind(tmp_path / "journal", export_iceberg._ends(late))
    iceberg.export(tmp_path / "journal")
    with pytest.raises(ExportError, match="another commit came between"):
        export_iceberg.append_step(late, step)
    assert places(iceberg.rows()) == kept(tmp_path / "journal")


@pytest.mark.parametrize("destination", ["effects", "a.b", "a..b"])
def test_a_destination_that_is_none_is_refused(destination: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"expected CATALOG\.NAMESPACE\.TABLE"):
        export_iceberg.export_iceberg(tmp_path, destination)


def test_the_command_says_how_many_effects_it_appended(tmp_path: Path) -> None:
    write(tmp_path / "journal", make_log(1, 30))
    target = str(tmp_path / "table")
    ran = CliRunner().invoke(
        app, ["export", "delta", target], env={"SUTURE_DATA": str(tmp_path), "SUTURE_JOURNAL": ""}
    )
    assert ran.exit_code == 0, ran.output
    assert f"{len(kept(tmp_path / 'journal'))} effects were appended to {target}" in ran.output
