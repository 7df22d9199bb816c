"""Listed playbooks, really run by ansible-playbook on this machine, through the real executor."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from actions.ansible_runs import AnsiblePlaybooks
from actions.leftovers import left_over, stop_leftover
from actions.runbook_list import AnsibleEntry, Argument, Source
from schemas.codec import to_json
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from tests.actions.local_processes import REPOSITORY, eventually
from tests.actions.orders import NOW
from tests.actions.runbook_orders import a_call, executed

pytest.importorskip("ansible_runner", reason="needs the extra suture[ansible]")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

# Every process of a run is found by this, also by those that run these tests beside us.
COMMAND = f"ansible-test-{os.getpid()}"


class Installation:
    """A folder with one listed playbook and the runs of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runbooks"
        self.playbook = root / "heal.yaml"
        self.trace = root / "trace"
        self.entry = AnsibleEntry(playbook=str(self.playbook))

    def holds(self, tasks: str, **said: Any) -> None:
        head = "- hosts: all\n  gather_facts: false\n  connection: local\n"
        if "inventory" not in said:
            head = head.replace("all", "localhost")
        body = dedent(tasks).strip().replace("TRACE", str(self.trace))
        indented = "\n".join(f"    {line}" for line in body.splitlines())
        self.playbook.write_text(f"{head}  tasks:\n{indented}\n")
        self.entry = replace(self.entry, **said)

    def playbooks(self) -> AnsiblePlaybooks:
        return AnsiblePlaybooks({"heal": self.entry}, self.runs, lambda: NOW)

    def run(self, arguments: dict[str, str] | None = None, **said: Any) -> Outcome:
        return executed(a_playbook(arguments, **said), self.playbooks())


def a_playbook(arguments: dict[str, str] | None = None, name: str = "heal", **said: Any) -> Command:
    return a_call(CommandKind.RUN_ANSIBLE, name, arguments, **{"command": COMMAND, **said})


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path)
    stop_leftover(COMMAND, None)


WRITE = """
- name: Write what was asked for
  ansible.builtin.copy:
    dest: TRACE
    content: "{{ region }} for {{ suture_service }} in {{ suture_environment }}"
"""


def test_a_playbook_runs_once_and_its_artifacts_are_kept(here: Installation) -> None:
    here.holds(WRITE, arguments={"region": Argument(choices=("eu", "us"))})
    first = here.run({"region": "eu"})
    assert first.kind is OutcomeKind.DONE, (first.detail, first.log_tail)
    assert first.detail == "playbook heal ran; playbook heal changed 1 task on localhost"
    assert here.trace.read_text() == "eu for cart in prod"
    assert any(line.startswith("TASK [Write what was asked for]") for line in first.log_tail)
    artifacts = here.runs / COMMAND
    assert (artifacts / "rc").read_text() == "0"
    assert list((artifacts / "job_events").glob("*.json"))
    here.trace.unlink()
    again = here.run({"region": "eu"})
    assert (again.kind, again.log_tail) == (OutcomeKind.ALREADY_DONE, first.log_tail)
    assert not here.trace.exists()


def test_a_result_that_an_executor_could_not_write_down_is_read_from_the_artifacts(
    here: Installation,
) -> None:
    here.holds(WRITE, arguments={"region": Argument()})
    first = here.run({"region": "eu"})
    (here.runs / COMMAND / "ended.json").unlink()
    here.trace.unlink()
    again = here.run({"region": "eu"})
    assert (again.kind, again.log_tail) == (OutcomeKind.ALREADY_DONE, first.log_tail)
    assert not here.trace.exists()


def test_arguments_are_data_and_never_templates(here: Installation) -> None:
    here.holds(WRITE, arguments={"region": Argument()})
    odd = """it's "eu"; $(touch /tmp/x) `id` -e a=b --check"""
    assert here.run({"region": odd}).kind is OutcomeKind.DONE
    assert here.trace.read_text() == f"{odd} for cart in prod"
    for text in ("{{ lookup('pipe', 'id') }}", "{% set x = 1 %}"):
        refused = here.run({"region": text}, command=f"{COMMAND}-2")
        assert (refused.kind, refused.detail) == (
            OutcomeKind.REFUSED,
            "playbook heal: argument region holds a template, expected plain text",
        )


def test_a_playbook_that_is_not_listed_is_refused_with_what_is(here: Installation) -> None:
    here.holds(WRITE)
    outcome = here.run(name="explode")
    assert (outcome.kind, outcome.detail) == (
        OutcomeKind.REFUSED,
        "run_ansible explode: it is not listed, expected heal",
    )


def test_a_task_that_fails_is_a_failure_with_its_words(here: Installation) -> None:
    here.holds("- ansible.builtin.fail: {msg: the cache of 10.2.3.4 is gone}")
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail == "playbook heal ended as failed with exit code 2; failed on localhost"
    assert any("the cache of <ip> is gone" in line for line in outcome.log_tail)


def test_a_host_that_was_not_reached_is_a_failure_even_where_ansible_says_zero(here: Installation) -> None:
    inventory = here.root / "hosts"
    inventory.write_text(
        f"reached ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        "lost ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_timeout=5\n"
    )
    here.holds("- ansible.builtin.ping:\n- meta: clear_host_errors", inventory=str(inventory))
    text = here.playbook.read_text().replace("  connection: local\n", "")
    here.playbook.write_text(text)
    outcome = here.run()
    artifacts = here.runs / COMMAND
    assert (artifacts / "rc").read_text() == "0"
    assert (artifacts / "status").read_text() == "successful"
    assert outcome.kind is OutcomeKind.FAILED
    assert "unreachable: lost" in outcome.detail


def test_a_playbook_that_finds_no_host_did_nothing_and_says_so(here: Installation) -> None:
    inventory = here.root / "hosts"
    inventory.write_text("web ansible_connection=local\n")
    here.holds(WRITE, inventory=str(inventory), limit="nobody", arguments={"region": Argument()})
    outcome = here.run({"region": "eu"})
    assert outcome.kind is OutcomeKind.FAILED
    assert "no task ran on any host" in outcome.detail


def test_secrets_are_neither_in_the_outcome_nor_kept_beside_the_artifacts(here: Installation) -> None:
    (here.root / "secret").write_text("open sesame\n")
    here.holds(
        """
        - name: Log in
          ansible.builtin.command: "echo {{ lookup('env', 'DOOR') }}"
          no_log: true
        - name: Be careless
          ansible.builtin.debug: {msg: "the door says {{ lookup('env', 'DOOR') }}"}
        """,
        environment={"DOOR": Source(file=str(here.root / "secret"))},
    )
    outcome = here.run()
    assert outcome.kind is OutcomeKind.DONE, (outcome.detail, outcome.log_tail)
    assert "sesame" not in str(outcome)
    assert any("the door says <secret>" in line for line in outcome.log_tail)
    artifacts = here.runs / COMMAND
    assert not (artifacts / "command").exists()
    events = [json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*.json")]
    hidden = [event for event in events if event.get("event_data", {}).get("task") == "Log in"]
    assert hidden
    assert "sesame" not in json.dumps(hidden)


def test_a_rehearsal_says_what_would_change_and_changes_nothing(here: Installation) -> None:
    here.holds(WRITE, arguments={"region": Argument()})
    outcome = here.run({"region": "eu"}, is_rehearsal=True)
    assert outcome.kind is OutcomeKind.REHEARSED, (outcome.detail, outcome.log_tail)
    assert outcome.detail == "would change: playbook heal on localhost: Write what was asked for"
    assert not here.trace.exists()
    assert here.run({"region": "eu"}, is_rehearsal=True).detail == outcome.detail
    here.holds("- ansible.builtin.fail: {msg: no}", arguments={})
    assert here.run(command=f"{COMMAND}-2", is_rehearsal=True).kind is OutcomeKind.FAILED


WAIT = """
- name: Say that it began
  ansible.builtin.shell: echo began >> TRACE
- name: Wait unless it began before
  ansible.builtin.shell: if [ $(wc -l < TRACE) -lt 2 ]; then exec sleep 3600; fi
"""


def test_a_playbook_that_takes_too_long_is_stopped_with_everything_it_began(here: Installation) -> None:
    here.holds(WAIT)
    outcome = here.run(timeout_s=20)
    assert outcome.kind is OutcomeKind.FAILED
    assert "ended as timeout" in outcome.detail
    assert list(left_over(COMMAND, None)) == []


DYING_EXECUTOR = """
import sys
from pathlib import Path
from actions.ansible_runs import AnsiblePlaybooks
from actions.runbook_list import AnsibleEntry
from schemas.codec import from_json
from schemas.orders import Command
from tests.actions.orders import NOW

command, playbook, runs = sys.argv[1:]
entries = {"heal": AnsibleEntry(playbook=playbook)}
AnsiblePlaybooks(entries, Path(runs), lambda: NOW).carry_out(from_json(Command, command))
"""


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_playbook_whose_executor_was_killed_is_stopped_and_begun_again_only_if_that_does_no_harm(
    here: Installation, repeatable: bool
) -> None:
    here.holds(WAIT, repeatable=repeatable)
    command = a_playbook()
    with subprocess.Popen(
        [sys.executable, "-c", DYING_EXECUTOR, to_json(command).decode(), str(here.playbook), str(here.runs)],
        cwd=REPOSITORY,
    ) as executor:
        eventually(lambda: here.trace.exists() and here.trace.read_text() == "began\n", 120)
        executor.send_signal(signal.SIGKILL)
    outcome = executed(command, here.playbooks())
    assert list(left_over(COMMAND, None)) == []
    if repeatable:
        assert outcome.kind is OutcomeKind.DONE, (outcome.detail, outcome.log_tail)
        assert here.trace.read_text() == "began\nbegan\n"
    else:
        assert outcome.kind is OutcomeKind.FAILED
        assert "nobody knows whether it took effect" in outcome.detail
        assert here.trace.read_text() == "began\n"
