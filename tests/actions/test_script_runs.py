"""Listed scripts as real processes, through the real executor."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from actions.leftovers import MARK, Leader
from actions.run_folders import KEPT, Begun, RunFolder, sweep
from actions.runbook_list import Argument, ScriptEntry, Source
from actions.script_runs import Scripts
from schemas.codec import to_json
from schemas.keys import CommandId
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from tests.actions.local_processes import REPOSITORY, eventually
from tests.actions.orders import NOW
from tests.actions.runbook_orders import a_call, executed

# Every process of a run is found by this, also by those that run these tests beside us.
COMMAND = f"script-test-{os.getpid()}"


class Installation:
    """A folder with one listed script and the runs of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runbooks"
        self.file = root / "script.py"
        self.trace = root / "trace"
        self.entry = ScriptEntry(file=str(self.file))

    def holds(self, text: str, **said: Any) -> None:
        self.file.write_text(f"TRACE = {str(self.trace)!r}\n{dedent(text)}")
        self.entry = replace(self.entry, **said)

    def scripts(self) -> Scripts:
        return Scripts({"heal": self.entry}, self.runs, lambda: NOW)

    def run(self, arguments: dict[str, str] | None = None, **said: Any) -> Outcome:
        return executed(a_heal(arguments, **said), self.scripts())


def a_heal(arguments: dict[str, str] | None = None, name: str = "heal", **said: Any) -> Command:
    return a_call(CommandKind.RUN_SCRIPT, name, arguments, **{"command": COMMAND, **said})


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path)
    for process in marked(COMMAND):
        process.kill()


def marked(command: str) -> list[psutil.Process]:
    """Return the live processes that were begun for a command."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == command:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_script_runs_once_however_often_its_command_comes(here: Installation) -> None:
    here.holds("open(TRACE, 'a').write('ran ')\nprint('cache cleared in 12 ms')")
    first, second = here.run(), here.run()
    assert (first.kind, second.kind) == (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
    assert first.detail == "script heal ran; script heal ended with exit code 0"
    assert first.log_tail == second.log_tail == ("cache cleared in <n> ms",)
    assert here.trace.read_text() == "ran "


def test_a_script_is_told_its_arguments_and_what_it_is_run_for_and_little_else(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTURE_KEYS", "k1:c2VjcmV0")
    monkeypatch.setenv("PYTHONPATH", "/tmp")
    here.holds(
        "import json, os, sys\n"
        "json.dump([json.load(sys.stdin), dict(os.environ), sys.flags.isolated], open(TRACE, 'w'))",
        arguments={"region": Argument(choices=("eu", "us")), "shard": Argument(required=False)},
        environment={"LEVEL": Source(value="high")},
    )
    assert here.run({"region": "eu"}).kind is OutcomeKind.DONE
    arguments, environment, is_isolated = json.loads(here.trace.read_text())
    assert (arguments, is_isolated) == ({"region": "eu"}, 1)
    assert environment == {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(here.runs / COMMAND),
        "SUTURE_COMMAND_ID": COMMAND,
        "SUTURE_COMMAND": COMMAND,
        "SUTURE_ENVIRONMENT": "prod",
        "SUTURE_SERVICE": "cart",
        "SUTURE_CLUSTER": "default",
        "SUTURE_NAMESPACE": "shop",
        "SUTURE_WORKLOAD": "cart",
        "LEVEL": "high",
    }


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (a_heal(name="explode"), "it is not listed, expected heal"),
        (a_heal({"zone": "a"}), "takes no argument zone, expected region, shard"),
        (a_heal({"shard": "1"}), "argument region is missing"),
        (a_heal({"region": "moon"}), "argument region is not as listed, expected eu, us"),
        (
            a_heal({"region": "eu", "shard": "1; rm"}),
            "argument shard is not as listed, expected what matches",
        ),
    ],
)
def test_what_is_not_listed_is_refused_with_what_is(here: Installation, command: Command, words: str) -> None:
    here.holds(
        "open(TRACE, 'w')",
        arguments={
            "region": Argument(choices=("eu", "us")),
            "shard": Argument(pattern="[0-9]+", required=False),
        },
    )
    outcome = executed(command, here.scripts())
    assert outcome.kind is OutcomeKind.REFUSED
    assert words in outcome.detail
    assert not here.trace.exists()


def test_a_script_that_fails_is_a_failure_with_its_last_twenty_lines(here: Installation) -> None:
    here.holds("for letter in 'abcdefghijklmnopqrstuvwxyz': print(letter, flush=True)\nraise SystemExit(3)")
    outcome = here.run()
    assert (outcome.kind, outcome.detail) == (OutcomeKind.FAILED, "script heal ended with exit code 3")
    assert outcome.log_tail == tuple("ghijklmnopqrstuvwxyz")
    assert here.run() == outcome


def test_a_flood_of_output_is_bounded_and_shows_whole_lines(here: Installation) -> None:
    here.holds("for _ in range(200_000): print('all is well here')")
    assert here.run().log_tail == ("all is well here",) * 20


def test_a_secret_comes_from_where_the_list_says_and_is_never_shown(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.root / "secret").write_text("open sesame\n")
    monkeypatch.setenv("OTHER_SECRET", "horse battery")
    here.holds(
        "import os\nprint('said', os.environ['DOOR'], 'and', os.environ['ROOM'])",
        environment={
            "DOOR": Source(file=str(here.root / "secret")),
            "ROOM": Source(variable="OTHER_SECRET", prefix="Bearer "),
        },
    )
    (line,) = here.run().log_tail
    assert line.startswith("said <secret> and Bearer <secret>")
    monkeypatch.delenv("OTHER_SECRET")
    missing = here.run(command=f"{COMMAND}-2")
    assert missing.kind is OutcomeKind.FAILED
    assert missing.detail == "script heal: ROOM is in no variable OTHER_SECRET"


def test_limits_bind_a_script(here: Installation) -> None:
    here.holds("bytearray(1 << 30)", memory_mib=256)
    greedy = here.run()
    assert greedy.kind is OutcomeKind.FAILED
    assert "MemoryError" in greedy.log_tail[-1]
    here.holds("while True: pass", cpu_s=1)
    busy = here.run(command=f"{COMMAND}-2")
    assert busy.detail in ("script heal was ended by signal 24", "script heal was ended by signal 9")
    here.holds("open(TRACE, 'wb').write(bytes(2 << 20))", file_mib=1)
    assert here.run(command=f"{COMMAND}-3").kind is OutcomeKind.FAILED
    here.holds("import resource, sys\nsys.exit(resource.getrlimit(resource.RLIMIT_CORE) != (0, 0))")
    assert here.run(command=f"{COMMAND}-4").kind is OutcomeKind.DONE


STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
open(TRACE, 'a').write('began ')
if len(open(TRACE).read()) > 6:
    sys.exit(0)
signal.pause()
"""


def test_a_script_that_takes_too_long_is_stopped_with_everything_it_began(here: Installation) -> None:
    here.holds(STUBBORN)
    outcome = here.run(timeout_s=3)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail == "script heal was stopped after 3 s"
    assert marked(COMMAND) == []


def test_what_a_script_leaves_running_when_it_ends_is_stopped(here: Installation) -> None:
    here.trace.write_text("before ")
    here.holds(STUBBORN)
    assert here.run().kind is OutcomeKind.DONE
    assert marked(COMMAND) == []


def test_a_rehearsal_checks_everything_and_runs_nothing(here: Installation) -> None:
    here.holds("open(TRACE, 'w')", arguments={"region": Argument()})
    outcome = here.run({"region": "eu"}, is_rehearsal=True)
    assert outcome.kind is OutcomeKind.REHEARSED
    assert outcome.detail == "would change: script heal would run with region, for at most 120 s"
    assert here.run(is_rehearsal=True).kind is OutcomeKind.REFUSED
    here.file.unlink()
    assert here.run({"region": "eu"}, is_rehearsal=True).kind is OutcomeKind.FAILED
    assert not here.trace.exists()


DYING_EXECUTOR = """
import sys
from pathlib import Path
from actions.runbook_list import ScriptEntry
from actions.script_runs import Scripts
from schemas.codec import from_json
from schemas.orders import Command
from tests.actions.orders import NOW

command, file, runs = sys.argv[1:]
Scripts({"heal": ScriptEntry(file=file)}, Path(runs), lambda: NOW).carry_out(from_json(Command, command))
"""


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_run_whose_executor_was_killed_is_stopped_and_begun_again_only_if_that_does_no_harm(
    here: Installation, repeatable: bool
) -> None:
    here.holds(STUBBORN, repeatable=repeatable)
    command = a_heal()
    with subprocess.Popen(
        [sys.executable, "-c", DYING_EXECUTOR, to_json(command).decode(), str(here.file), str(here.runs)],
        cwd=REPOSITORY,
    ) as executor:
        eventually(lambda: here.trace.exists() and here.trace.read_text() == "began ", 120)
        executor.send_signal(signal.SIGKILL)
    assert marked(COMMAND), "the grandchild has outlived its executor"
    outcome = executed(command, here.scripts())
    assert marked(COMMAND) == []
    if repeatable:
        assert outcome.kind is OutcomeKind.DONE, outcome.detail
        assert here.trace.read_text() == "began began "
    else:
        assert outcome.kind is OutcomeKind.FAILED
        assert "cut off" in outcome.detail
        assert "nobody knows whether it took effect" in outcome.detail
        assert here.trace.read_text() == "began "
        assert executed(command, here.scripts()).detail == outcome.detail


def test_a_run_that_was_cut_off_and_may_not_begin_again_now_has_failed(here: Installation) -> None:
    here.holds("open(TRACE, 'w')", repeatable=True)
    RunFolder(here.runs, CommandId(COMMAND)).begin("script heal", NOW)
    outcome = executed(a_heal(), here.scripts(), kill_switch=lambda: "the database is moving")
    assert outcome.kind is OutcomeKind.FAILED
    assert "the kill switch is on: the database is moving" in outcome.detail
    assert "nobody knows whether it took effect" in outcome.detail
    assert not here.trace.exists()


def test_a_run_of_an_executor_that_is_alive_is_left_alone_and_waited_for(here: Installation) -> None:
    here.holds("open(TRACE, 'w')", repeatable=True)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as other:
        try:
            begin_as(here, Begun(name="x", at=NOW, host=socket.gethostname(), executor=Leader.of(other.pid)))
            outcome = here.run()
        finally:
            other.kill()
    assert outcome.kind is OutcomeKind.FAILED
    assert "another executor on this machine runs it" in outcome.detail
    assert not here.trace.exists()


def test_a_run_that_began_on_another_machine_is_not_begun_again(here: Installation) -> None:
    here.holds("open(TRACE, 'w')", repeatable=True)
    begin_as(here, Begun(name="script heal", at=NOW, host="moon", executor=Leader(pid=1, started=0)))
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert "was begun on moon" in outcome.detail
    assert not here.trace.exists()


def begin_as(here: Installation, begun: Begun) -> None:
    folder = RunFolder(here.runs, CommandId(COMMAND))
    folder.path.mkdir(parents=True)
    (folder.path / "begun.json").write_bytes(to_json(begun))


def test_folders_of_old_runs_are_swept_and_newer_ones_and_strangers_stay(here: Installation) -> None:
    for name, at in (("old", NOW - 2 * KEPT), ("new", NOW)):
        RunFolder(here.runs, CommandId(name)).begin("script heal", at)
    (here.runs / "stranger").mkdir()
    assert sweep(here.runs, NOW) == 1
    assert sorted(path.name for path in here.runs.iterdir()) == ["new", "stranger"]
    assert sweep(here.root / "nowhere", NOW) == 0


def test_a_command_whose_id_leads_out_of_the_folder_is_refused(here: Installation) -> None:
    here.holds("open(TRACE, 'w')")
    assert here.run(command="../c1").kind is OutcomeKind.REFUSED
    assert not here.trace.exists()
