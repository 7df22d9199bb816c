"""The code's digest changes with whatever a decision hangs on, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.code_version import code_digest, engine_sources


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the engine's sources, and one that is none of them."""
    for module, source in engine_sources().items():
        file = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
        if module in ("schemas", "detectors", "actions", "streams"):
            file = tmp_path / module / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source)
    (tmp_path / "streams" / "gateway.py").write_text("import streams.engine\n")
    return tmp_path


def test_the_same_sources_have_the_same_digest_wherever_they_lie(copy: Path) -> None:
    assert code_digest(copy) == code_digest()


@pytest.mark.parametrize(
    "file",
    [
        "streams/engine.py",
        "detectors/watch.py",
        "actions/gate.py",
        "schemas/codec.py",
        "schemas/arrow_batches.py",
    ],
)
def test_a_change_to_what_the_engine_uses_changes_the_digest(copy: Path, file: str) -> None:
    with (copy / file).open("a") as handle:
        handle.write("\n")
    assert code_digest(copy) != code_digest()


def test_a_change_to_a_shell_does_not(copy: Path) -> None:
    (copy / "streams" / "gateway.py").write_text("changed = True\n")
    assert code_digest(copy) == code_digest()
    assert "streams.kafka_log" not in engine_sources()
