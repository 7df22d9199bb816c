"""Where the official schemas and examples are: beside the repository, not in it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"


@pytest.fixture(scope="session")
def contracts() -> Callable[[str], Path]:
    """Return a function from a contract's name to its folder; skips where it is absent, except in CI."""

    def folder(name: str) -> Path:
        path = _ROOT / name
        if not path.is_dir():
            if os.environ.get("CI") == "true":
                pytest.fail(f"contracts/{name} is absent, expected it in CI")
            pytest.skip(f"contracts/{name} is absent: it is kept beside the repository")
        return path

    return folder


@pytest.fixture(scope="session")
def read_contract(contracts: Callable[[str], Path]) -> Callable[[str, str], Any]:
    """Return a function that reads one JSON file of a contract."""

    def read(name: str, file: str) -> Any:
        return json.loads((contracts(name) / file).read_text(encoding="utf-8"))

    return read
