from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.dev import __main__ as command
from infra.dev import instances, processes
from infra.dev.instances import Instance, from_json, to_json
from infra.dev.processes import Process

GONE = Process(pid=1, started="never")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "suture" / "dev"


def me() -> Process:
    process = processes.identify(os.getpid())
    assert process is not None
    return process


def an_instance(directory: Path) -> Instance:
    return Instance(
        directory=directory,
        part="cluster",
        created="2026-01-01T00:00:00+00:00",
        owner=me(),
        processes={"etcd": GONE, "kubelet": me()},
        bridges=["suture0"],
        networks=["10.213.0.0/24"],
        values={"server": "https://127.0.0.1:1"},
    )


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    instance = an_instance(tmp_path)
    assert from_json(tmp_path, to_json(instance)) == instance
    unowned = replace(instance, owner=None)
    assert from_json(tmp_path, to_json(unowned)) == unowned


def test_an_owned_instance_lives_as_long_as_its_owner(tmp_path: Path) -> None:
    owned = replace(an_instance(tmp_path), processes={"etcd": GONE})
    assert not owned.is_stale
    assert replace(owned, owner=GONE, processes={"etcd": me()}).is_stale


def test_an_instance_of_nobody_lives_as_long_as_any_of_its_processes(tmp_path: Path) -> None:
    detached = replace(an_instance(tmp_path), owner=None)
    assert not detached.is_stale
    assert replace(detached, processes={"etcd": GONE}).is_stale


def test_a_block_leaves_no_process_and_no_folder() -> None:
    with instances.owned("kafka") as instance:
        process = instance.start("broker", ["sleep", "600"])
        assert [one.name for one in instances.all_instances()] == [instance.name]
    assert not process.is_alive
    assert instances.all_instances() == []
    assert not instance.directory.exists()


def test_a_block_that_raises_leaves_nothing_either() -> None:
    started: list[Process] = []

    def fail() -> None:
        with instances.owned("kafka", keep=True) as instance:
            started.append(instance.start("broker", ["sleep", "600"]))
            raise KeyError("broken test")

    with pytest.raises(KeyError, match="broken test"):
        fail()
    assert not started[0].is_alive
    assert instances.all_instances() == []


def test_removing_twice_is_removing_once() -> None:
    instance = instances.create("kafka")
    instances.remove(instance)
    instances.remove(instance)


def test_a_name_is_given_once() -> None:
    with instances.owned("kafka", "mine"), pytest.raises(FileExistsError, match="mine"):
        instances.create("kafka", "mine")


def test_what_a_killed_owner_left_is_removed_by_the_next_start() -> None:
    script = (
        "import os, signal\n"
        "from infra.dev import instances\n"
        "with instances.owned('kafka', 'orphan') as one:\n"
        "    one.start('broker', ['sleep', '600'])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    (orphan,) = instances.all_instances()
    left = orphan.processes["broker"]
    assert left.is_alive
    with instances.owned("kafka") as instance:
        assert [one.name for one in instances.all_instances()] == [instance.name]
    assert not left.is_alive


def test_a_process_that_ends_early_shows_the_end_of_its_log() -> None:
    with instances.owned("kafka") as instance:
        instance.start("broker", ["sh", "-c", "sleep 0.05; echo port is taken; exit 3"])
        with pytest.raises(instances.StartError, match="port is taken"):
            instance.wait_while_alive("broker", lambda: False)


def test_down_stops_what_up_left_and_status_tells(capsys: pytest.CaptureFixture[str]) -> None:
    with instances.owned("kafka", "kept", keep=True) as instance:
        process = instance.start("broker", ["sleep", "600"])
        instance.values["bootstrap"] = "127.0.0.1:1"
    assert command.main(["kafka", "status"]) == 0
    shown = capsys.readouterr().out
    assert "kept\tkafka\trunning" in shown
    assert "bootstrap=127.0.0.1:1" in shown
    assert command.main(["cluster", "down"]) == 0
    assert processes.identify(process.pid) == process
    assert command.main(["down"]) == 0
    assert not process.is_alive
    assert instances.all_instances() == []


def test_down_leaves_what_a_running_program_uses_unless_it_is_named() -> None:
    with instances.owned("kafka", "busy") as instance:
        process = instance.start("broker", ["sleep", "600"])
        assert command.main(["down"]) == 0
        assert processes.identify(process.pid) == process
        assert command.main(["down", "--name", "busy"]) == 0
        assert instances.all_instances() == []


def test_up_refuses_a_name_that_already_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with instances.owned("kafka", "kafka") as instance:
        instance.start("broker", ["sleep", "600"])
        assert command.main(["kafka", "up"]) == 1
    assert "already runs" in capsys.readouterr().err
