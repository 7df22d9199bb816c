"""The journal's process from Kafka into a bucket of a real S3 server, killed on the way; SQL and audit."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from feature_store.views import connect
from infra.dev import s3
from infra.dev.kafka import Broker
from infra.dev.waiting import wait_until
from schemas.effect_messages import effect_message
from schemas.judgements import VerdictKind
from streams.kafka_log import LogWriter, create_topics
from tests.feature_store.script import Script

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]
PREFIX = "bucket."


def test_effects_reach_a_bucket_once_though_the_process_is_killed(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not s3.is_fetched():
        pytest.skip("no S3 server is built here, expected `python -m infra.dev s3 fetch` before")
    create_topics(kafka_broker.bootstrap, PREFIX, 1)
    with s3.running() as server:
        variables = {
            **server.environment,
            "KAFKA_BOOTSTRAP": kafka_broker.bootstrap,
            "SUTURE_PREFIX": PREFIX,
            "SUTURE_DATA": str(tmp_path),
            "SUTURE_JOURNAL": f"s3://{server.bucket}/installation",
            "SUTURE_FLUSH_SECONDS": "0.2",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        place = Path(variables["SUTURE_JOURNAL"])
        for life, sort in enumerate((signal.SIGKILL, signal.SIGTERM)):
            say(kafka_broker, life)
            process = subprocess.Popen([sys.executable, "-m", "streams.cli", "journal"], env={**os.environ})
            try:
                wait_until(partial(has_rows, place, 4 * (life + 1)), deadline_s=90, what="rows")
            finally:
                process.send_signal(sort)
                process.wait(30)
        audited = subprocess.run(
            [sys.executable, "-m", "streams.cli", "audit", "--chain"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert audited.returncode == 0, audited.stdout + audited.stderr
        assert audited.stdout.startswith("whole")
        assert not (tmp_path / "journal").exists()


def say(broker: Broker, life: int) -> None:
    """Put the effects of a release onto the topic, as the engines do."""
    script = Script(version=f"1.0.{life}", first_offset=100 * (life + 1)).opened()
    evidence = script.evidence()
    script.verdict(VerdictKind.HEALTHY, "quiet", evidence=[evidence], is_final=True).closed("done", minute=20)
    with LogWriter(broker.bootstrap, PREFIX) as writer:
        for effect in script.effects:
            writer.send(effect_message(effect), effect.cause.partition)
        writer.flush()


def has_rows(place: Path, wanted: int) -> bool:
    """Return whether the journal has so many effects; fail when any is there twice."""
    with connect(place) as connection:
        found = connection.execute("SELECT count(*), count(DISTINCT effect_id) FROM effects").fetchone()
    assert found is not None
    assert found[0] == found[1]
    return bool(found[0] == wanted)
