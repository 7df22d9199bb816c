from pathlib import Path

import pytest

from actions.runbook_file import RunbookFileError, load_runbooks, parse_runbooks
from actions.runbook_list import (
    AnsibleEntry,
    Argument,
    HttpEntry,
    PipelineEntry,
    Poll,
    Runbooks,
    ScriptEntry,
    Source,
)

EXAMPLE = Path(__file__).parents[2] / "infra/runbooks.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("heal.py", "heal.yaml", "own.pem"):
        (tmp_path / name).touch()
    (tmp_path / "hosts").mkdir()
    return tmp_path


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(RunbookFileError) as caught:
        parse_runbooks(text, folder)
    return list(caught.value.problems)


def test_without_a_file_nothing_is_listed() -> None:
    assert load_runbooks(None) == Runbooks()


def test_every_kind_is_read_and_paths_are_from_the_lists_folder(folder: Path) -> None:
    (folder / "runbooks.yaml").write_text(
        """
        version: 1
        ansible:
          heal: {playbook: heal.yaml, inventory: hosts, limit: db, environment: {LEVEL: high}}
        scripts:
          heal:
            file: heal.py
            arguments: {scope: {choices: [all, some]}, note: , shard: {pattern: "[0-9]+", required: false}}
            environment: {KEY: {file: /run/key}, OTHER: {variable: OTHER, prefix: "x "}}
            cpu_s: 10
            repeatable: true
        http:
          flush:
            method: PUT
            url: https://cdn.example.org/{zone}
            arguments: {zone: {}}
            headers: {X-Team: shop}
            body: {zones: ["{zone}"], deep: 1}
            expect: [202]
            poll: {url: "https://cdn.example.org/jobs/{id}", id: id, path: state, succeeded: [done]}
            certificates: own.pem
        pipelines:
          shop/Roll back: {gate: "https://gate.example.org"}
        """
    )
    listed = load_runbooks(folder / "runbooks.yaml")
    assert listed.ansible == {
        "heal": AnsibleEntry(
            playbook=str(folder / "heal.yaml"),
            inventory=str(folder / "hosts"),
            limit="db",
            environment={"LEVEL": Source(value="high")},
        )
    }
    assert listed.scripts == {
        "heal": ScriptEntry(
            file=str(folder / "heal.py"),
            arguments={
                "scope": Argument(choices=("all", "some")),
                "note": Argument(),
                "shard": Argument(pattern="[0-9]+", required=False),
            },
            environment={"KEY": Source(file="/run/key"), "OTHER": Source(variable="OTHER", prefix="x ")},
            cpu_s=10,
            repeatable=True,
        )
    }
    poll = Poll(url="https://cdn.example.org/jobs/{id}", id="id", path="state", succeeded=("done",))
    assert listed.http == {
        "flush": HttpEntry(
            method="PUT",
            url="https://cdn.example.org/{zone}",
            arguments={"zone": Argument()},
            headers={"X-Team": Source(value="shop")},
            body={"zones": ["{zone}"], "deep": 1},
            expect=(202,),
            poll=poll,
            certificates=str(folder / "own.pem"),
        )
    }
    assert listed.pipelines == {"shop/Roll back": PipelineEntry(gate="https://gate.example.org")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "runbooks.yaml: is empty, expected a mapping"),
        ("scripts: {}", "runbooks.yaml: version: is missing, expected 1"),
        ("version: 1\nscript: {}", "runbooks.yaml:2: script: is no known key, did you mean scripts?"),
        ("version: 1\nscripts: [a]", "runbooks.yaml:2: scripts: is a list, expected a mapping of names"),
        ("version: 1\nscripts:\n  a: {}", "runbooks.yaml:3: scripts.a.file: is missing"),
        (
            "version: 1\nscripts:\n  a: {file: heal.py, repeat: true}",
            "runbooks.yaml:3: scripts.a.repeat: is no known key, did you mean repeatable?",
        ),
        (
            "version: 1\nscripts:\n  a:\n    file: heal.py\n    arguments:\n      x: {choice: [a]}",
            "runbooks.yaml:6: scripts.a.arguments.x.choice: is no known key, did you mean choices?",
        ),
        (
            "version: 1\nscripts:\n  a:\n    file: heal.py\n    arguments:\n      x: {pattern: '('}",
            "runbooks.yaml:6: scripts.a.arguments.x: pattern is no regular expression: missing ), "
            "unterminated subpattern at position 0",
        ),
        (
            "version: 1\nscripts:\n  a:\n    file: heal.py\n    environment:\n      X: {file: a, value: b}",
            "runbooks.yaml:6: scripts.a.environment.X: must name one of value, file and variable",
        ),
        (
            "version: 1\nscripts:\n  a: {file: heal.py, arguments: {suture_x: }}",
            "runbooks.yaml:3: scripts.a: suture_x begins as Suture's own names do",
        ),
        (
            "version: 1\nscripts:\n  a/b: {file: heal.py}",
            "runbooks.yaml:3: scripts.a/b: its name has a slash",
        ),
        (
            "version: 1\npipelines:\n  a: {gate: 'https://g'}",
            "runbooks.yaml:3: pipelines.a: a pipeline is named application/pipeline",
        ),
        (
            "version: 1\nhttp:\n  a: {url: 'https://{x}.example.org', arguments: {x: }}",
            "runbooks.yaml:3: http.a: the host of a url is fixed, and nobody logs in by it",
        ),
        (
            "version: 1\nhttp:\n  a: {url: 'ftp://example.org'}",
            "runbooks.yaml:3: http.a: url 'ftp://example.org' is no address, expected http:// or https:// "
            "and a host",
        ),
        (
            "version: 1\nhttp:\n  a: {url: 'https://e.org', body: {x: '{zone}'}}",
            "runbooks.yaml:3: http.a: {zone} is no argument of it, expected one of suture_command, "
            "suture_environment, suture_service, suture_cluster, suture_namespace, suture_workload",
        ),
        (
            "version: 1\nhttp:\n  a:\n    url: https://e.org\n    method: STEAL",
            "runbooks.yaml:5: http.a.method: is \"STEAL\", expected 'GET', 'PUT', 'POST', 'PATCH' "
            "or 'DELETE'",
        ),
        (
            "version: 1\nhttp:\n  a:\n    url: https://e.org\n    poll: "
            "{url: 'https://e.org', path: a, succeed: [b]}",
            "runbooks.yaml:5: http.a.poll.succeed: is no known key, did you mean succeeded?",
        ),
    ],
)
def test_every_mistake_is_told_with_its_line(folder: Path, text: str, said: str) -> None:
    assert said in problems(text, folder)


def test_a_file_that_is_not_there_is_told_with_its_line(folder: Path) -> None:
    text = "version: 1\nansible:\n  heal:\n    playbook: gone.yaml\n    inventory: hosts"
    assert problems(text, folder) == [
        f"runbooks.yaml:4: ansible.heal.playbook: is {folder}/gone.yaml, which is not there"
    ]
    with pytest.raises(RunbookFileError, match="cannot be read"):
        load_runbooks(folder / "gone.yaml")


def test_the_example_is_valid_also_with_everything_in_it_listed(folder: Path) -> None:
    load_runbooks(EXAMPLE)
    lines = EXAMPLE.read_text().splitlines()
    head = lines.index("version: 1")
    listed = "\n".join([*lines[: head + 1], *(line.removeprefix("# ") for line in lines[head + 1 :])])
    (folder / "runbooks.yaml").write_text(listed.replace("/etc/ssl/own-authority.pem", "own.pem"))
    for name in ("playbooks", "inventories", "scripts"):
        (folder / name).mkdir()
    for name in ("playbooks/migrate.yaml", "inventories/prod", "scripts/clear_cache.py"):
        (folder / name).touch()
    found = load_runbooks(folder / "runbooks.yaml")
    assert [len(kind) for kind in (found.ansible, found.scripts, found.http, found.pipelines)] == [1] * 4
