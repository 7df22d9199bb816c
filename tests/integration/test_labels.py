"""A person says on the command line what a release was: over a real Kafka into the journal and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.dev.kafka import Broker
from schemas.effects import Said
from schemas.labels import Labelled
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from schemas.topics import PARTITIONS, Topic
from streams.cli import app
from streams.engine import Engine
from streams.kafka_log import RangeReader
from tests.feature_store import stories
from tests.feature_store.risk_log import write_said

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PREFIX = "labels-"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def said_of_environments(broker: Broker) -> list[Said]:
    """Return what an engine says of everything that environments were told."""
    topic = Topic.ENVIRONMENT_OBSERVATIONS
    reader, engine, said = RangeReader(broker.bootstrap), Engine(), []
    for partition in range(PARTITIONS):
        for record in reader.read(f"{PREFIX}{topic}", partition):
            assert b"hunter" not in (record.value or b"")
            position = LogPosition(topic=topic, partition=partition, offset=record.offset)
            observation = read_observation(position, record.key, record.value, record.headers)
            said += [effect.said for effect in engine.apply(observation)]
    reader.close()
    return said


def test_a_label_of_the_command_line_is_told_by_all_that_are_asked_of_it(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = stories.rolled_back_alone()
    known = [effect.said for effect in story.effects]
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("SUTURE_PREFIX", PREFIX)
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "before"))
    write_said(tmp_path / "before" / "journal", known)
    start = story.release[:-2]

    told = run("label", start, "good", "--by", "ann", "--why", "no order lost, password=hunter2")
    assert f"{story.release} is labelled good by ann via cli" in told
    run("label", start, "good", "--by", "ann", "--why", "no order lost, password=hunter2")
    labels = [each for each in said_of_environments(kafka_broker) if isinstance(each, Labelled)]
    assert [each.label.why for each in labels] == ["no order lost, password=<secret>"]

    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "after"))
    write_said(tmp_path / "after" / "journal", [*known, *labels])
    report = json.loads(run("labels", "report", "--json"))
    assert report["answers"]["human"]["words"] == 1
    assert report["labelled"] == 1
    story_told = run("why", story.release)
    assert "ann via cli" in story_told
    assert "hunter" not in story_told
    rows = run("sql", "FROM release_labels SELECT release, good", "--format", "json")
    assert story.release in rows


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nothing-such", "bad"), "knows no release"),
        (("any", "bad", "--environment", "prod"), "--environment and --service go together"),
        (("any", "bad", "--why", "a" * 501), "expected at most 500"),
        (("any", "worse"), "Invalid value"),
    ],
)
def test_what_names_no_release_or_is_no_label_is_refused(
    kafka_broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("SUTURE_PREFIX", PREFIX)
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path))
    write_said(tmp_path / "journal", [effect.said for effect in stories.rolled_back_alone().effects])
    done = CliRunner().invoke(app, ["label", *words])
    assert done.exit_code != 0
    assert expected in f"{done.output} {done.exception}"
