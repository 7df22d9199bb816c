"""The pipelines' templates: their scripts run in a real shell, and every command in them is one of ours.

A program that writes down its arguments stands in for `suture`, since a verdict takes its time; what it wrote
down is then parsed by the real command line.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from streams.ci_waiting import WhenHeld
from streams.cli import app

CI = Path(__file__).parents[2] / "infra" / "ci"
EVIL = "1.0\"; touch evil; $(touch evil) `touch evil` 'x"
RECORDER = """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["ARGUMENTS"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
print("r-1" if "deploy" in sys.argv else "healthy")
sys.exit(int(os.environ["CODE"]) if "wait" in sys.argv else int(os.environ.get("DEPLOY_CODE", "0")))
"""


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CI / name).read_text(encoding="utf-8"))
    return document


def run(script: str, folder: Path, variables: Mapping[str, str], shell: str = "bash") -> int:
    """Run a script as a runner does, and return its exit code."""
    program = folder / "suture"
    program.write_text(RECORDER, encoding="utf-8")
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    # An unset variable is a mistake in the template.
    options = ["-eu", "-o", "pipefail"] if shell == "bash" else ["-eu"]
    environ = {"PATH": path, "ARGUMENTS": str(folder / "arguments"), **variables}
    done = subprocess.run([shell, *options, "-c", script], cwd=folder, env=environ, check=False)
    return done.returncode


def said(folder: Path) -> list[list[str]]:
    """Return the arguments that `suture` was called with."""
    return [json.loads(line) for line in (folder / "arguments").read_text(encoding="utf-8").splitlines()]


def parsed(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the command's name and its options, as the real command line reads them."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("suture", list(arguments))
    names, rest = [], list(arguments)
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
        names.append(name)
        context = command.make_context(name, list(rest), parent=context)
    return " ".join(names), context.params


@pytest.fixture
def action() -> dict[str, Any]:
    return load("action.yml")


def steps(action: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = action["runs"]["steps"]
    return found


def inputs_of(step: dict[str, Any]) -> dict[str, str]:
    """Return which input each variable of a step is, "" for one that is none."""
    return {
        name: "".join(re.findall(r"^\$\{\{ inputs\.([a-z-]+) \}\}$", value))
        for name, value in step["env"].items()
    }


def run_step(step: dict[str, Any], folder: Path, given: Mapping[str, str], code: int = 0) -> int:
    variables = {name: given.get(source, "r-1") for name, source in inputs_of(step).items()}
    if "COMMITTED_AT" in variables:
        # From the event that started the run.
        variables["COMMITTED_AT"] = COMMITTED_AT
    github = {
        "GITHUB_SHA": "abc",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "shop/cart",
        "GITHUB_RUN_ID": "7",
        "GITHUB_OUTPUT": str(folder / "output"),
        "CODE": str(code),
    }
    return run(step["run"], folder, {**github, **variables})


GIVEN = {
    "service": "cart",
    "version": EVIL,
    "environment": "prod",
    "token": "",
    "held": "exit",
    "gateway": "http://gateway:4318",
    "template": "",
    "target": "",
    "team": "shop",
    "timeout": "20m",
}
COMMITTED_AT = "2026-11-23T04:00:00+01:00"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 64])
def test_the_action_tells_of_the_deployment_and_ends_as_the_waiting_does(
    action: dict[str, Any], tmp_path: Path, code: int
) -> None:
    deploy, wait = steps(action)
    assert run_step(deploy, tmp_path, GIVEN) == 0
    assert run_step(wait, tmp_path, GIVEN, code) == code
    (first, told), (second, asked) = (parsed(arguments) for arguments in said(tmp_path))
    assert (first, second) == ("ci deploy", "ci wait")
    for options in (told, asked):
        assert (options["service"], options["version"], options["environment"]) == ("cart", EVIL, "prod")
    assert (told["commit"], told["url"]) == ("abc", "https://github.example/shop/cart/actions/runs/7")
    assert (told["team"], told["committed_at"]) == ("shop", COMMITTED_AT)
    assert (asked["release"], asked["timeout"]) == ("r-1", "20m")
    assert (told["gateway"], asked["gateway"]) == ("http://gateway:4318",) * 2
    assert asked["held"] == WhenHeld.EXIT
    written = (tmp_path / "output").read_text(encoding="utf-8")
    assert written == f"release=r-1\nexit-code={code}\n"
    assert not (tmp_path / "evil").exists()


def test_a_deployment_that_cannot_be_told_ends_the_action(action: dict[str, Any], tmp_path: Path) -> None:
    deploy = steps(action)[0]
    deploy["run"] = f"export DEPLOY_CODE=2\n{deploy['run']}"
    assert run_step(deploy, tmp_path, GIVEN) == 2


def test_every_input_of_the_action_is_used_and_none_stands_in_a_script(action: dict[str, Any]) -> None:
    used = {name for step in steps(action) for name in inputs_of(step).values() if name}
    assert used == set(action["inputs"]) == set(GIVEN)
    for step in steps(action):
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    ids = {step["id"] for step in steps(action)}
    for output in action["outputs"].values():
        (step_id,) = re.findall(r"^\$\{\{ steps\.([a-z]+)\.outputs\.[a-z-]+ \}\}$", output["value"])
        assert step_id in ids


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize("code", [0, 1, 3, 5])
def test_the_job_for_gitlab_tells_of_the_deployment_and_ends_as_the_waiting_does(
    tmp_path: Path, code: int, shell: str
) -> None:
    assert shutil.which(shell)
    job = load("gitlab.yml")[".suture-verdict"]
    gitlab = {
        "CI_PROJECT_NAME": "cart",
        "CI_COMMIT_SHORT_SHA": EVIL,
        "CI_ENVIRONMENT_NAME": "prod",
        "CI_COMMIT_SHA": "abc",
        "CI_COMMIT_TIMESTAMP": COMMITTED_AT,
        "CI_PIPELINE_URL": "https://gitlab.example/shop/cart/-/pipelines/7",
        "SUTURE_GATEWAY": "http://gateway:4318",
    }
    # GitLab puts variables into variables, once.
    variables = {name: gitlab.get(value.removeprefix("$"), value) for name, value in job["variables"].items()}
    script = "\n".join(job["script"])
    assert run(script, tmp_path, {**gitlab, **variables, "CODE": str(code)}, shell) == code
    (first, told), (second, asked) = (parsed(arguments) for arguments in said(tmp_path))
    assert (first, second) == ("ci deploy", "ci wait")
    for options in (told, asked):
        assert (options["service"], options["version"], options["environment"]) == ("cart", EVIL, "prod")
    assert (told["commit"], told["url"]) == ("abc", "https://gitlab.example/shop/cart/-/pipelines/7")
    assert (told["team"], told["committed_at"]) == ("", COMMITTED_AT)
    assert (asked["release"], asked["timeout"]) == ("r-1", "30m")
    assert (told["gateway"], asked["gateway"]) == ("http://gateway:4318",) * 2
    assert asked["held"] == WhenHeld.WAIT
    assert not (tmp_path / "evil").exists()


def test_a_deployment_that_cannot_be_told_ends_the_job(tmp_path: Path) -> None:
    job = load("gitlab.yml")[".suture-verdict"]
    variables = {
        "CI_COMMIT_SHA": "abc",
        "CI_COMMIT_TIMESTAMP": "",
        "CI_PIPELINE_URL": "u",
        "DEPLOY_CODE": "2",
        "CODE": "0",
    }
    # Not 2, by which the job would say that a human is asked.
    given = {**job["variables"], **variables, "SUTURE_GATEWAY": "http://gateway:4318"}
    assert run("\n".join(job["script"]), tmp_path, given) == 64
    assert len(said(tmp_path)) == 1


def test_the_documented_pipelines_use_what_there_is(action: dict[str, Any]) -> None:
    document = (CI.parents[1] / "docs" / "verdicts.md").read_text(encoding="utf-8")
    (block,) = (found for found in re.findall(r"```yaml\n(.*?)```", document, re.DOTALL) if "GitHub" in found)
    github, gitlab = (yaml.safe_load(f"# {part}") for part in block.split("# GitLab: a job"))
    (step,) = github
    assert set(step["with"]) <= set(action["inputs"])
    assert {name for name, one in action["inputs"].items() if one.get("required")} <= set(step["with"])
    assert (CI.parents[1] / step["uses"] / "action.yml").is_file()
    assert gitlab["watch"]["extends"] in load("gitlab.yml")
    (commands,) = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    assert [parsed(shlex.split(line)[1:])[0] for line in _commands(commands)] == ["ci deploy", "ci wait"]


def _commands(text: str) -> list[str]:
    """Return the command of each line; what stands inside of $( ) for those that keep its output."""
    return [re.sub(r'^[a-z]+="\$\((.*)\)"$', r"\1", line) for line in text.splitlines()]
