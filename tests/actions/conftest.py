from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.local_processes import SupervisorProgram


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[SupervisorProgram]:
    program = SupervisorProgram(tmp_path / "workloads")
    program.start()
    yield program
    if program.process is not None and program.process.poll() is None:
        program.stop()
