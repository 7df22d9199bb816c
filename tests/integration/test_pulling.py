"""The puller as it is deployed: a process that asks a real Prometheus, and a real Kafka that it writes to."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from infra.dev.kafka import Broker
from infra.dev.web_server import WebServer
from schemas.instruments import InstrumentChanged
from schemas.judgements import VerdictKind
from schemas.observations import VerdictReached
from schemas.otlp_metrics import read_metrics
from schemas.samples import Temporality
from schemas.topics import Topic
from streams.doctor import Health
from streams.doctor_sources import sources as doctors_look
from tests.integration.exporter import COUNT, SUM, Exporter, Instance, exporting
from tests.integration.installation import JUDGE, Installation
from tests.integration.parts import ServerFactory

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

OLD, NEW = "0a0a0a0a0a", "1b1b1b1b1b"
POLICY = """
version: 1
defaults:
  judge: {interval: 2s, lateness: 5s, watch: 10m, min_watch: 10s, min_intervals: 3, quiet: 1m}
  target: {kind: processes, cluster: default, namespace: shop, workload: "{service}"}
"""

Sample = tuple[str, str, str, int]
"""Metric, pod, status code and time in milliseconds."""


def written(folder: Path, url: str) -> Path:
    """Return a file of one source that is asked every second."""
    file = folder / "pull.yaml"
    asked = "".join(f"\n      - {{metric: {name}, query: {name}, kind: counter}}" for name in (COUNT, SUM))
    file.write_text(
        "version: 1\nsources:\n"
        f"  - name: main\n    kind: prometheus\n    url: {url}\n    interval: 1s\n    step: 1s\n"
        f"    delay: 3s\n    timeout: 5s\n    history: 2m\n    silent_after: 3\n    queries:{asked}\n"
    )
    return file


def pulled(installation: Installation) -> Counter[tuple[Sample, float]]:
    """Return the samples that stand on the log, each as often as it does."""
    found: Counter[tuple[Sample, float]] = Counter()
    for record in installation.records(Topic.OTLP_METRICS):
        for batch in read_metrics(record.value or b"").batches:
            for number, time_ms, value in zip(
                batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True
            ):
                series = batch.series[number]
                assert series.temporality is Temporality.CUMULATIVE
                code = dict(series.attributes)["http_response_status_code"]
                found[(series.metric, series.pod, code, time_ms), value] += 1
    return found


def asked(server: WebServer, query: str, metric: str, start_ms: int, end_ms: int) -> dict[Sample, float]:
    """Return what Prometheus says to a query, asked by other means than ours."""
    form: dict[str, str | float] = {"query": query, "start": start_ms / 1000, "end": end_ms / 1000, "step": 1}
    answer = httpx.get(f"{server.url}/api/v1/query_range", params=form, trust_env=False).json()
    return {
        (metric, row["metric"]["pod"], row["metric"]["http_response_status_code"], round(at * 1000)): float(
            text
        )
        for row in answer["data"]["result"]
        for at, text in row["values"]
    }


def read_anew(server: WebServer, metric: str, start_ms: int, end_ms: int) -> dict[Sample, float]:
    """Return what Prometheus says of each second in which it read the series anew."""
    read_at = asked(server, f"timestamp({metric})", metric, start_ms, end_ms)
    values = asked(server, metric, metric, start_ms, end_ms)
    return {key: value for key, value in values.items() if read_at[key] * 1000 > key[3] - 1000}


def broken(installation: Installation) -> list[InstrumentChanged]:
    """Return what services were told of a broken instrument."""
    bodies = [installation.read(record).body for record in installation.records(Topic.OBSERVATIONS)]
    return [body for body in bodies if isinstance(body, InstrumentChanged) and not body.is_working]


def await_more(installation: Installation) -> None:
    """Wait until samples are on the log that were not there before: a puller is at work."""
    before = len(pulled(installation))
    installation.until(lambda: len(pulled(installation)) > before + 30, "more samples")


def shop(exporter: Exporter) -> None:
    for pod in "abc":
        exporter.add(Instance(pod, "1", OLD, error_ratio=0.003))


def test_every_sample_is_on_the_log_once_although_the_puller_is_killed(
    kafka_broker: Broker, prometheus_server: ServerFactory, tmp_path: Path
) -> None:
    with exporting() as exporter:
        shop(exporter)
        server = prometheus_server(exporter.prometheus_config())
        file = written(tmp_path, server.url)
        with Installation(
            kafka_broker.bootstrap, tmp_path, "pulled.", {"puller": ["puller"]}, POLICY, pull=file
        ) as installation:
            await_more(installation)
            for _ in range(2):
                installation.kill("puller")
                await_more(installation)
            listed = file.read_text()
            file.write_text(f"{listed}      - {{metrics: none}}\n")
            installation.until(
                lambda: "file of sources is wrong" in installation.log.read_text(), "a mistake is told"
            )
            await_more(installation)
            file.write_text(f"{listed}      - {{metric: none, query: 'sum(', kind: gauge}}\n")
            (word, *_) = installation.until(lambda: broken(installation), "a refused query breaks it")
            found = pulled(installation)
            looked = list(doctors_look(installation.settings))
        assert (word.service, word.instrument) == ("cart", "prometheus main")
        assert word.reason.startswith("the query of none is refused: HTTP 400: bad_data")
        assert [one.health for one in looked] == [Health.FAILED, Health.OK]
        assert looked[0].seen == word.reason
        assert looked[1].seen == "answers with 12 series of 1 services"
        assert max(found.values()) == 1
        first, last = min(key[3] for key, _ in found), max(key[3] for key, _ in found)
        expected: dict[Sample, float] = {}
        for metric in (COUNT, SUM):
            expected |= read_anew(server, metric, first, last)
        assert dict(found) == dict.fromkeys(expected.items(), 1)
        assert {(key[3] - first) % 1000 for key, _ in found} == {0}


def verdicts(installation: Installation) -> list[VerdictKind]:
    return [said.verdict.kind for said in installation.said(VerdictReached)]


def test_a_prometheus_that_stops_during_a_watch_breaks_the_verdict_and_judging_goes_on_when_it_is_back(
    kafka_broker: Broker, prometheus_server: ServerFactory, tmp_path: Path
) -> None:
    with exporting() as exporter:
        shop(exporter)
        server = prometheus_server(exporter.prometheus_config())
        file = written(tmp_path, server.url)
        parts = {"judge": JUDGE, "puller": ["puller"]}
        with Installation(
            kafka_broker.bootstrap, tmp_path, "blind.", parts, POLICY, pull=file
        ) as installation:
            installation.until(lambda: len(pulled(installation)) > 90, "stable pods speak")
            exporter.add(Instance("n", "2", NEW, error_ratio=0.003))
            installation.cli(
                "ci", "deploy", "--service=cart", "--version=2", "--environment=dev", f"--template={NEW}"
            )
            installation.until(lambda: VerdictKind.INCONCLUSIVE in verdicts(installation), "watched")
            server.stop()
            installation.until(lambda: verdicts(installation)[-1] is VerdictKind.BROKEN, "broken")
            reasons = installation.said(VerdictReached)[-1].verdict.reasons
            assert reasons[0].startswith("prometheus main sees nothing since")
            assert "no answer: ConnectError" in reasons[0]
            assert VerdictKind.HARMFUL not in verdicts(installation)
            server.start()
            exporter.fail("n", 0.6)
            installation.until(lambda: verdicts(installation)[-1] is VerdictKind.HARMFUL, "harm is found")
            reasons = installation.said(VerdictReached)[-1].verdict.reasons
            assert reasons[0].startswith("errors")
            # While it was down it read nothing, and yet it says afterwards that all stood still.
            times = sorted({key[3] for key, _ in pulled(installation) if key[1] == "a"})
            before, after = max(pairwise(times), key=lambda pair: pair[1] - pair[0])
            assert after - before > 3_000
            assert asked(server, COUNT, COUNT, before + 1_000, after - 1_000)
