"""Runs one playbook by ansible-runner: a small program of its own, so that nothing of it outlives a kill.

Run by its path with one JSON object on standard input, whose keys are those of `ansible_runner.run`.
Everything that it finds out lies in the artifacts afterwards.
"""

import json
import sys
from pathlib import Path
from typing import Any

import ansible_runner


def main() -> int:
    """Run the playbook that standard input describes; return its exit code."""
    said: dict[str, Any] = json.load(sys.stdin)

    def forget_environment(status: dict[str, Any], runner_config: Any) -> None:
        # ansible-runner writes every variable into a file beside the artifacts; some are secrets.
        if status["status"] == "running":
            Path(runner_config.artifact_dir, "command").unlink(missing_ok=True)

    runner = ansible_runner.run(
        **said,
        quiet=True,
        json_mode=True,
        suppress_env_files=True,
        rotate_artifacts=0,
        status_handler=forget_environment,
    )
    return int(runner.rc or 0)


if __name__ == "__main__":
    sys.exit(main())
