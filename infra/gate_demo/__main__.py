"""Show the gate: `python -m infra.gate_demo`, or `make demo-gate`.

Three versions of a small project are tested for real, with pytest and coverage.py, in a folder of their
own; their results and a stored report of Trivy are handed in with `suture ci report`, and `suture ci gate`
says what becomes of each. Nothing is published, and nothing is left behind.
"""

import contextlib
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from streams.cli_ci import app

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One version of the project and what the gate should make of it.

    Attributes:
        runs: How often its tests are run, in the same folder.
        exit_code: Of `suture ci gate`.
    """

    version: str
    about: str
    exit_code: int
    runs: int = 1

    @property
    def source(self) -> Path:
        """Return the folder with the version's files."""
        return HERE / f"version_{self.version.replace('.', '_')}"


STORY = (
    Chapter(version="1.0", about="every test passes, nothing new in the dependencies", exit_code=0),
    Chapter(
        version="1.1",
        about="new lines without a test, and a test that fails when it is run again",
        exit_code=5,
        runs=2,
    ),
    Chapter(version="1.2", about="the tax is wrong, and a dependency has a serious hole", exit_code=1),
)


def main() -> int:
    """Tell the story; return 0 when the gate said what it should."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suture-gate-") as name:
        folder = Path(name)
        os.environ.pop("KAFKA_BOOTSTRAP", None)
        os.environ["SUTURE_DATA"] = str(folder / "data")
        os.environ.setdefault("COLUMNS", "140")
        before: Path | None = None
        for chapter in STORY:
            print(f"\n=== cart {chapter.version}: {chapter.about}", flush=True)
            code = tell(chapter, before, folder)
            if code != chapter.exit_code:
                print(f"suture ci gate ended with {code}, expected {chapter.exit_code}")
                return 1
            before = chapter.source
    print(f"\npass, warn and fail, as they should be, in {time.monotonic() - started:.0f} s")
    return 0


def tell(chapter: Chapter, before: Path | None, folder: Path) -> int:
    """Test, report and judge one version; return the gate's exit code."""
    work = folder / chapter.version
    shutil.copytree(chapter.source, work, ignore=shutil.ignore_patterns("__init__.py", "__pycache__"))
    of = ["--service", "cart", "--version", chapter.version, "--environment", "prod"]
    for run in range(1, chapter.runs + 1):
        reports = [f"junit-{run}.xml", "coverage.xml", "trivy.json"]
        run_tests(work, reports[0])
        done = command(["report", *reports, *of, "--commit", f"commit-{chapter.version}"], work)
        if done != 0:
            return done
    (work / "change.diff").write_text(diff_of(before, chapter.source), encoding="utf-8")
    return command(["gate", *of, "--diff", "change.diff"], work)


def run_tests(work: Path, junit: str) -> None:
    """Run the project's tests with coverage; whether they pass is for the gate to judge.

    Raises:
        RuntimeError: they could not be run at all.
    """
    python = [sys.executable, "-m"]
    # The project is tested as its own pipeline would: without this environment's plugins.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    tested = [
        *python,
        "coverage",
        "run",
        "--source=.",
        "--omit=test_*",
        "-m",
        "pytest",
        "-q",
        f"--junitxml={junit}",
    ]
    print(f"$ coverage run -m pytest --junitxml={junit}", flush=True)
    done = subprocess.run(tested, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    print(done.stdout.strip().splitlines()[-1], flush=True)
    subprocess.run([*python, "coverage", "xml", "-q"], cwd=work, env=environment, check=True)


def command(arguments: list[str], work: Path) -> int:
    """Run a command of Suture's, in this process: starting Python anew costs more than the command."""
    print(f"$ suture ci {' '.join(arguments)}", flush=True)
    with contextlib.chdir(work):
        code = app(arguments, standalone_mode=False)
    return code or 0


def diff_of(before: Path | None, after: Path) -> str:
    """Return the unified diff from one version's program to the next one's."""
    old = [] if before is None else (before / "cart.py").read_text(encoding="utf-8").splitlines(keepends=True)
    new = (after / "cart.py").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, "a/cart.py", "b/cart.py"))


if __name__ == "__main__":
    sys.exit(main())
