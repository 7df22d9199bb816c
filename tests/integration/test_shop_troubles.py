"""What the shop can be troubled with, as processes on this machine; pods meet the same program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.dev import golang, shop_images
from infra.dev.ports import free_ports
from infra.dev.waiting import wait_until
from tests.integration.parts import give_up

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def program() -> Path:
    if reason := golang.missing():
        give_up(reason)
    return shop_images.shop_binary()


@contextmanager
def serving(program: Path, troubles: Mapping[str, object]) -> Iterator[httpx.Client]:
    """Run a shop for the length of the block and yield what speaks to it."""
    (port,) = free_ports(1)
    environment = {**os.environ, "PORT": str(port), **{name: str(value) for name, value in troubles.items()}}
    process = subprocess.Popen([program], env=environment)

    def answers() -> bool:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            assert process.poll() is None
            return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(answers, deadline_s=60, what="shop")
            yield client
    finally:
        process.terminate()
        process.wait(30)


def gauge(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def migrate(program: Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SCHEMA_FOLDER": str(folder), "SCHEMA": "2", "MIGRATION_S": "0", **more}
    return subprocess.run(
        [program, "migrate"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_full_cache_fails_requests_until_another_generation_begins(program: Path, tmp_path: Path) -> None:
    cache = {"CACHE_FOLDER": tmp_path, "CACHE_BYTES": 4000, "CACHE_ENTRY_BYTES": 1000}
    for _ in range(2):
        # The second time it is full from the beginning: a restart does not help.
        with serving(program, cache) as client:
            answers = [client.get("/").status_code for _ in range(5)]
            assert answers[-1] == 500
            assert gauge(client, "shop_cache_fill_ratio") == 1.0
    assert answers == [500] * 5
    with serving(program, {**cache, "CACHE_GENERATION": 2}) as client:
        assert client.get("/").status_code == 200
        assert gauge(client, "shop_cache_fill_ratio") == 0.25
        assert [path.name for path in tmp_path.iterdir()] == ["generation-2"]


def test_more_customers_than_a_pod_can_serve_wait_in_vain(program: Path) -> None:
    pool = {"POOL_SIZE": 1, "POOL_SERVICE_S": 0.2, "POOL_PATIENCE_S": 0.1}
    with serving(program, pool) as client:
        assert client.get("/").status_code == 200
        asked = ["load", "--target", f"{client.base_url}/", "--rate", "50", "--seconds", "4"]
        counts = json.loads(subprocess.check_output([program, *asked], timeout=60))
        assert counts["by_status"]["503"] > counts["by_status"]["200"] > 5
        assert gauge(client, "shop_utilization") > 0.8


def test_state_that_is_corrupt_ends_every_start_until_its_folder_is_another(
    program: Path, tmp_path: Path
) -> None:
    with (
        serving(program, {"STATE_FOLDER": tmp_path}) as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.post("/corrupt")
    again = subprocess.run(
        [program],
        env={**os.environ, "STATE_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (again.returncode, "is corrupt" in again.stderr) == (1, True)


def test_a_migration_brings_the_schema_that_a_version_needs(program: Path, tmp_path: Path) -> None:
    with serving(program, {"SCHEMA_FOLDER": tmp_path, "SCHEMA": 2}) as client:
        assert client.get("/").text == "the schema is 1, expected 2\n"
        blocked = migrate(program, tmp_path, MIGRATION_BLOCKED="true")
        assert (blocked.returncode, "the table is locked" in blocked.stderr) == (1, True)
        assert client.get("/").status_code == 500
        assert migrate(program, tmp_path).returncode == 0
        assert client.get("/").status_code == 200


def test_a_migration_that_fails_at_first_does_not_the_second_time(program: Path, tmp_path: Path) -> None:
    codes = [migrate(program, tmp_path, MIGRATION_FAILS_FIRST="true").returncode for _ in range(3)]
    assert codes == [1, 0, 0]


def test_two_migrations_at_once_are_noticed(program: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SCHEMA_FOLDER": str(tmp_path), "SCHEMA": "2", "MIGRATION_S": "600"}
    first = subprocess.Popen([program, "migrate"], env=environment)
    try:
        wait_until((tmp_path / "runs").exists, deadline_s=60, what="the first run")
        second = migrate(program, tmp_path)
    finally:
        first.kill()
        first.wait(30)
    assert (second.returncode, "ran twice at once" in second.stderr) == (1, True)
    assert len((tmp_path / "overlaps").read_text().splitlines()) == 1
    # What was killed holds nobody up.
    assert migrate(program, tmp_path).returncode == 0


def test_load_follows_a_file_of_targets(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("")
    with serving(program, {}) as client:
        asked = [str(program), "load", "--from", str(file), "--rate", "50", "--seconds", "60"]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as sender:
            file.write_text(f"{client.base_url}/\n")
            served = 'http_server_request_duration_seconds_count{http_request_method="GET"'
            wait_until(
                lambda: (
                    f'{served},http_response_status_code="200",http_route="/"' in client.get("/metrics").text
                ),
                deadline_s=60,
                what="a request",
            )
            sender.terminate()
            counts = json.loads(sender.communicate(timeout=60)[0])
    assert counts["by_status"]["200"] > 0


def test_a_leaky_state_takes_memory_at_every_request_also_after_a_restart(
    program: Path, tmp_path: Path
) -> None:
    leaky = {"STATE_FOLDER": tmp_path, "LEAK_BYTES": 10_000_000}
    with serving(program, leaky) as client:
        client.get("/")
        assert gauge(client, "process_resident_memory_bytes") < 50e6
        client.post("/leak")
    with serving(program, leaky) as client:
        for _ in range(6):
            client.get("/")
        assert gauge(client, "process_resident_memory_bytes") > 60e6
