"""The notebook of the documentation runs from top to bottom on a journal, and shows what it says it shows."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.feature_store import stories
from tests.feature_store.script import write

NOTEBOOK = Path(__file__).parents[2] / "docs" / "decision-log.ipynb"


def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the outputs of all cells, in order."""
    monkeypatch.setenv("SUTURE_DATA", str(data))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(NOTEBOOK.parents[1])}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    return [output.get("data", output) for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.timeout(180)
def test_the_notebook_tells_of_a_release_and_draws_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "journal", stories.held_and_approved().effects)
    outputs = run(tmp_path, monkeypatch)
    texts = [str(output.get("text") or output.get("text/plain") or "") for output in outputs]
    assert any("1.4.2" in text and "harmful" in text for text in texts)
    assert any("times likelier than chance" in text for text in texts)
    assert any("change_failure_ratio" in text for text in texts)
    assert any("threshold_log_e: double" in text for text in texts)
    assert sum("image/png" in output for output in outputs) >= 1


@pytest.mark.timeout(180)
def test_the_notebook_reads_and_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "journal", stories.held_and_approved().effects)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run(tmp_path, monkeypatch)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []


def test_a_journal_that_is_empty_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CellExecutionError, match="nothing was decided yet"):
        run(tmp_path, monkeypatch)
