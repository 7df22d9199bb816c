"""The ordered log of a live installation, archived, run again, and compared with what the journal holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from feature_store.archive_files import archive_files, encode_records, read_archive_file
from feature_store.stores import open_store
from infra.dev.kafka import Broker
from schemas.observations import OutcomeReported
from schemas.topics import Topic
from streams import clock
from streams.archive_settings import ArchiveSettings
from streams.cli import app
from streams.code_version import code_digest
from streams.kept_snapshots import KeptSnapshots
from streams.recorded_log import ArchivedLog, recorded_log
from streams.recording import ORDERED
from streams.settings import environment_of
from tests.integration.installation import PARTS, Installation
from tests.integration.shop import open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def audited(installation: Installation, release: str, *options: str) -> tuple[int, Any]:
    """Return the exit code of an audit, and what it found."""
    # In this process: the engine's kernels are compiled once.
    done = CliRunner().invoke(
        app, ["audit", release, "--json", *options], env=environment_of(installation.settings)
    )
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.stdout)


def alter(installation: Installation, found: Any) -> tuple[str, int, int]:
    """Put a header onto the archived entry that caused a service's last effect; return where it stands."""
    (rerun, *_) = found["reruns"]
    root = installation.settings.archive_folder
    for file in archive_files(root, rerun["topic"]):
        if file.partition == rerun["partition"] and file.first <= rerun["last"] <= file.last:
            records = [
                replace(record, headers=(*record.headers, ("note", b"later")))
                if record.offset == rerun["last"]
                else record
                for record in read_archive_file(open_store(root), file.path)
            ]
            Path(file.path).write_bytes(encode_records(records))
    return rerun["topic"], rerun["partition"], rerun["last"]


def test_a_release_is_run_again_from_kafka_and_from_the_archive_alone(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    parts = {**PARTS, "archive": ["archive"]}
    archive = ArchiveSettings(flush=timedelta(seconds=1))
    installation = Installation(kafka_broker.bootstrap, tmp_path, "audit.", parts, archive=archive)
    folder = installation.settings.archive_folder
    with installation:
        with open_shop(installation) as shop:
            release = shop.deploy()
            installation.kill("archive")
            installation.until(lambda: installation.said(OutcomeReported), "outcome")
            installation.kill("archive")
        installation.until(
            lambda: "undo" in installation.cli("releases", check=False).stdout, "the journal has it"
        )
        code, found = audited(installation, release)
        assert (code, found["differences"], found["not_rerun"]) == (0, [], [])
        code, found = audited(installation, release, "--from-beginning")
        assert (code, found["differences"], found["not_rerun"]) == (0, [], [])
        assert {"release_opened", "evidence", "verdict", "decision", "command"} <= found["kinds"].keys()
        assert found["codes"] == {code_digest(): found["identical"]}
        assert [rerun["snapshot"] for rerun in found["reruns"]] == [None, None]
        last = {(rerun["topic"], rerun["partition"]): rerun["last"] for rerun in found["reruns"]}
        files = ArchivedLog(folder)
        installation.until(
            lambda: all(
                stretches and stretches[-1].last >= offset
                for place, offset in last.items()
                for stretches in [files.stretches(place)]
            ),
            "the archive has it, too",
        )
    # All of it, once and in order, from the files and from Kafka behind them.
    both = list(recorded_log(installation.settings))
    live = [(record.topic, record.partition, record.offset) for record in installation.records(*ORDERED)]
    assert sorted((record.topic, record.partition, record.offset) for record in both) == sorted(live)
    assert len(both) == len(live)

    code, found = audited(installation, release, f"--log={folder}", "--from-beginning")
    assert (code, found["not_rerun"]) == (0, [])
    topic, partition, offset = alter(installation, found)
    code, found = audited(installation, release, f"--log={folder}", "--from-beginning")
    assert code == 1
    assert [(each["topic"], each["partition"], each["offset"]) for each in found["altered"]] == [
        (topic, partition, offset)
    ]

    snapshots = KeptSnapshots(tmp_path / "snapshots")
    for place in ArchivedLog(folder).places():
        pieces = [record for record in installation.records(Topic.SNAPSHOTS) if record.partition == place[1]]
        if snapshots.keep(place, pieces, clock.now()):
            break
    position, _ = snapshots.newest(place, 10**12)
    assert position is not None, "a worker's own snapshot can be kept and read again"
