from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.dev import cluster, collector, instances, kafka, noida, shop_images
from infra.dev.argo import Controller
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from infra.dev.waiting import wait_until
from tests.integration.parts import CollectorFactory, ServerFactory, need, need_built

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PLAIN_COLLECTOR = """
receivers:
  otlp: {protocols: {grpc: {}, http: {}}}
exporters:
  kafka:
    brokers: ["${env:KAFKA_BOOTSTRAP}"]
    metrics: {topic: plain_otlp, encoding: otlp_proto}
    partition_metrics_by_resource_attributes: true
    record_partitioner: {sticky_key: {hasher: murmur2}}
    producer: {compression: zstd, required_acks: -1}
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [kafka]}
"""


def write(bootstrap: str, topic: str, *values: bytes, compression: str | None = None) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=compression)
    for value in values:
        producer.send(topic, value, partition=0).get(timeout=60)
    producer.close()


def read(bootstrap: str, topic: str, count: int) -> list[Any]:
    """Return the first `count` records of all of a topic's partitions."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    records: list[Any] = []
    try:
        wait_until(
            lambda: bool(consumer.partitions_for_topic(topic)),
            deadline_s=60,
            what=f"topic {topic}",
            poll_s=0.2,
        )
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning()

        def has_all() -> bool:
            for batch in consumer.poll(timeout_ms=500).values():
                records.extend(batch)
            return len(records) >= count

        wait_until(has_all, deadline_s=60, what=f"{count} records of {topic}")
    finally:
        consumer.close()
    return records[:count]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def workload(
    kind: str, *, image: str = shop_images.SHOP_V1, replicas: int = 3, **spec: object
) -> dict[str, Any]:
    labels = {"app": "shop"}
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    container = {"name": "shop", "image": image, "imagePullPolicy": "Never", "readinessProbe": probe}
    return {
        "apiVersion": "apps/v1" if kind == "Deployment" else "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
            **spec,
        },
    }


def apply(dev_cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> None:
    manifest["metadata"]["namespace"] = namespace
    dev_cluster.apply(manifest)


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_the_broker_returns_what_was_written_in_every_compression(
    kafka_broker: Broker, compression: str | None
) -> None:
    topic = f"compressed-{compression}"
    write(kafka_broker.bootstrap, topic, b"one" * 100, b"two" * 100, compression=compression)
    assert [record.value for record in read(kafka_broker.bootstrap, topic, 2)] == [b"one" * 100, b"two" * 100]


def test_a_killed_broker_comes_back_with_its_data() -> None:
    need(kafka)
    with kafka.running() as broker:
        address = broker.bootstrap
        write(address, "kept", b"before")
        broker.kill()
        broker.start()
        write(address, "kept", b"after")
        assert [record.value for record in read(address, "kept", 2)] == [b"before", b"after"]


def test_two_brokers_stand_side_by_side_and_do_not_know_each_other(kafka_broker: Broker) -> None:
    with kafka.running() as other:
        write(kafka_broker.bootstrap, "side", b"first")
        write(other.bootstrap, "side", b"second")
        assert [record.value for record in read(kafka_broker.bootstrap, "side", 1)] == [b"first"]
        assert [record.value for record in read(other.bootstrap, "side", 1)] == [b"second"]


def test_a_broker_without_automatic_topics_has_none_that_nobody_made() -> None:
    need(kafka)
    with kafka.running(auto_create_topics=False) as broker:
        consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
        assert not consumer.partitions_for_topic("never-made")
        assert "never-made" not in consumer.topics()
        consumer.close()


def test_the_second_best_broker_says_so_and_returns_what_was_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    need(noida)
    with noida.running() as broker:
        assert "second best" in capsys.readouterr().err
        write(broker.bootstrap, "small", b"one", b"two", compression="zstd")
        broker.stop()
        broker.start()
        assert [record.value for record in read(broker.bootstrap, "small", 2)] == [b"one", b"two"]


def test_pods_answer_on_their_addresses_and_a_rollout_can_be_undone(
    dev_cluster: Cluster, namespace: str
) -> None:
    rollout = ("rollout", "status", "deployment/shop", f"--namespace={namespace}", "--timeout=120s")
    apply(dev_cluster, namespace, workload("Deployment"))
    dev_cluster.kubectl(*rollout)
    addresses = dev_cluster.pod_addresses("app=shop", namespace)
    assert len(addresses) == 3
    assert {get(f"http://{address}:8080/") for address in addresses} == {"welcome to shop v1\n"}
    assert 'http_response_status_code="200",http_route="/"' in get(f"http://{addresses[0]}:8080/metrics")

    apply(dev_cluster, namespace, workload("Deployment", image=shop_images.SHOP_V2))
    dev_cluster.kubectl(*rollout)
    assert "v2" in get(f"http://{dev_cluster.pod_addresses('app=shop', namespace)[0]}:8080/")
    dev_cluster.kubectl("rollout", "undo", "deployment/shop", f"--namespace={namespace}")
    dev_cluster.kubectl(*rollout)
    assert "v1" in get(f"http://{dev_cluster.pod_addresses('app=shop', namespace)[0]}:8080/")
    within = ["exec", f"--namespace={namespace}", "deployment/shop", "--", "/shop", "load"]
    counts = json.loads(dev_cluster.kubectl(*within, "--target=http://127.0.0.1:8080/", "--seconds=0.5"))
    assert set(counts["by_status"]) == {"200"}


def test_a_pod_reaches_a_service_of_this_machine(dev_cluster: Cluster, namespace: str) -> None:
    need(kafka)
    with kafka.running(also_on=[dev_cluster.host_address]) as broker:
        host, _, port = broker.bootstrap_on(dev_cluster.host_address).partition(":")
        assert host == dev_cluster.host_address
        # The shop's load generator counts what it hears; a broker hangs up on HTTP, and so was reached.
        target = ["load", "--target", f"http://{host}:{port}/", "--rate", "5", "--seconds", "1"]
        dev_cluster.kubectl(
            "run", "caller", f"--namespace={namespace}", f"--image={shop_images.SHOP_V1}",
            "--image-pull-policy=Never", "--restart=Never", "--", *target,
        )  # fmt: skip
        done = "--for=jsonpath={.status.phase}=Succeeded"
        dev_cluster.kubectl("wait", f"--namespace={namespace}", "pod/caller", done, "--timeout=60s")
        log = dev_cluster.kubectl("logs", f"--namespace={namespace}", "caller")
        assert "EOF" in log or "malformed HTTP" in log or "reset by peer" in log
        assert "refused" not in log
        assert "timeout" not in log


def test_a_pod_that_is_ill_shows_it(dev_cluster: Cluster, namespace: str) -> None:
    manifest = workload("Deployment", replicas=1)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "FAULT", "value": "errors"}, {"name": "FAULT_RATIO", "value": "0.5"}]
    apply(dev_cluster, namespace, manifest)
    dev_cluster.kubectl("rollout", "status", "deployment/shop", f"--namespace={namespace}", "--timeout=120s")
    (address,) = dev_cluster.pod_addresses("app=shop", namespace)
    command = [str(shop_images.shop_binary()), "load", "--target", f"http://{address}:8080/"]
    output = subprocess.run([*command, "--rate", "100", "--seconds", "2"], capture_output=True, check=True)
    counts = json.loads(output.stdout)
    assert set(counts["by_status"]) == {"200", "500"}
    assert counts["failed"] == 0


def test_a_service_account_may_do_what_its_role_says_and_no_more(
    dev_cluster: Cluster, namespace: str
) -> None:
    within = f"--namespace={namespace}"
    dev_cluster.kubectl("create", "serviceaccount", "reader", within)
    dev_cluster.kubectl("create", "role", "reader", "--verb=list", "--resource=pods", within)
    account = f"--serviceaccount={namespace}:reader"
    dev_cluster.kubectl("create", "rolebinding", "reader", "--role=reader", account, within)
    config = dev_cluster.kubeconfig_of(dev_cluster.service_account_token(namespace, "reader"), "reader")
    command = ["kubectl", f"--kubeconfig={config}", within]
    allowed = subprocess.run([*command, "get", "pods"], capture_output=True, text=True, check=False)
    refused = subprocess.run([*command, "get", "secrets"], capture_output=True, text=True, check=False)
    assert allowed.returncode == 0, allowed.stderr
    assert "Forbidden" in refused.stderr


def test_two_clusters_stand_side_by_side(dev_cluster: Cluster, namespace: str) -> None:
    with cluster.running(users={"eve": []}) as other:
        assert other.network != dev_cluster.network
        places = [(dev_cluster, namespace), (other, "default")]
        options = ["--image-pull-policy=Never", "--labels=app=shop"]
        for one, where in places:
            one.kubectl("run", "shop", f"--image={shop_images.SHOP_V1}", f"--namespace={where}", *options)
        for one, where in places:
            one.kubectl("wait", "--for=condition=Ready", "pod/shop", f"--namespace={where}", "--timeout=60s")
            (address,) = one.pod_addresses("app=shop", where)
            assert get(f"http://{address}:8080/healthz") == "ok\n"
        assert other.token("eve") != other.token("admin")


def test_a_canary_pauses_at_its_step_and_can_be_aborted(
    dev_cluster: Cluster, argo_rollouts: Controller, namespace: str
) -> None:
    assert argo_rollouts.kubeconfig == dev_cluster.kubeconfig
    canary = {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}

    def status() -> dict[str, Any]:
        found = dev_cluster.kubectl("get", "rollout", "shop", f"--namespace={namespace}", "-o", "json")
        result: dict[str, Any] = json.loads(found).get("status", {})
        return result

    def wait_for(phase: str) -> None:
        wait_until(lambda: status().get("phase") == phase, deadline_s=120, what=f"phase {phase}", poll_s=0.2)

    apply(dev_cluster, namespace, workload("Rollout", replicas=4, strategy=canary))
    wait_for("Healthy")
    changed = workload("Rollout", image=shop_images.SHOP_V2, replicas=4, strategy=canary)
    apply(dev_cluster, namespace, changed)
    wait_for("Paused")

    def is_a_quarter() -> bool:
        addresses = dev_cluster.pod_addresses("app=shop", namespace)
        answers = sorted(get(f"http://{address}:8080/") for address in addresses)
        return answers == ["welcome to shop v1\n"] * 3 + ["welcome to shop v2\n"]

    # The controller reports the pause before it has taken the fourth old pod away.
    wait_until(is_a_quarter, deadline_s=60, what="one pod in four", poll_s=0.2)

    abort = ["--subresource=status", "--type=merge", '--patch={"status":{"abort":true}}']
    dev_cluster.kubectl("patch", "rollout", "shop", f"--namespace={namespace}", *abort)
    wait_for("Degraded")
    assert status()["message"].startswith("RolloutAborted")


def test_the_collector_writes_otlp_as_one_record_a_resource(
    kafka_broker: Broker, otel_collector: CollectorFactory, contracts: Path
) -> None:
    otel = otel_collector(PLAIN_COLLECTOR, env={"KAFKA_BOOTSTRAP": kafka_broker.bootstrap})
    request = urllib.request.Request(
        f"{otel.otlp_http}/v1/metrics",
        data=(contracts / "otlp" / "metrics.json").read_bytes(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.loads(answer.read()) == {"partialSuccess": {}}
    (record,) = read(kafka_broker.bootstrap, "plain_otlp", 1)
    assert len(record.key) == 16
    assert b"my.counter" in record.value


def test_the_production_collector_names_the_release_of_each_pod(
    dev_cluster: Cluster, namespace: str, kafka_broker: Broker, otel_collector: CollectorFactory
) -> None:
    apply(dev_cluster, namespace, workload("Deployment", replicas=1))
    dev_cluster.kubectl("rollout", "status", "deployment/shop", f"--namespace={namespace}", "--timeout=120s")
    otel_collector(
        collector.PRODUCTION_CONFIG,
        env={
            "KAFKA_BOOTSTRAP": kafka_broker.bootstrap,
            "KUBECONFIG": str(dev_cluster.kubeconfig),
            "K8S_AUTH_TYPE": "kubeConfig",
            "SCRAPE_INTERVAL": "1s",
            "SCRAPE_TIMEOUT": "1s",
        },
    )
    (record,) = read(kafka_broker.bootstrap, "otlp_metrics", 1)
    for needed in (b"k8s.pod.label.pod-template-hash", b"k8s.deployment.name", b"k8s.cluster.name", b"shop"):
        assert needed in record.value


def test_prometheus_reads_a_service_and_answers_for_it(prometheus_server: ServerFactory) -> None:
    server = prometheus_server("scrape_configs: []\n")
    address = server.url.removeprefix("http://")
    own = f"{{job_name: own, scrape_interval: 1s, static_configs: [{{targets: ['{address}']}}]}}"
    reader = prometheus_server(f"scrape_configs: [{own}]\n")

    def is_up() -> bool:
        found = json.loads(get(f"{reader.url}/api/v1/query?query=up"))["data"]["result"]
        return [one["value"][1] for one in found] == ["1"]

    wait_until(is_up, deadline_s=60, what="a scrape", poll_s=0.2)


def test_alertmanager_takes_an_alert_and_shows_it(alertmanager_server: ServerFactory) -> None:
    server = alertmanager_server("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    request = urllib.request.Request(
        f"{server.url}/api/v2/alerts",
        data=json.dumps([{"labels": {"alertname": "Sick"}}]).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()
    (alert,) = json.loads(get(f"{server.url}/api/v2/alerts"))
    assert alert["labels"] == {"alertname": "Sick"}


def killed_owner(part: str) -> instances.Instance:
    """Return the instance of a process that started a part and was killed."""
    script = (
        "import os, signal\n"
        f"from infra.dev import {part}\n"
        f"with {part}.running(name='orphan-{part}-{os.getpid()}') as one:\n"
        "    if hasattr(one, 'kubectl'):\n"
        "        one.kubectl('run', 'shop', '--image=localhost/shop:v1', '--image-pull-policy=Never')\n"
        "        one.kubectl('wait', '--for=condition=Ready', 'pod/shop', '--timeout=60s')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    (orphan,) = [one for one in instances.all_instances() if one.name == f"orphan-{part}-{os.getpid()}"]
    assert orphan.is_stale
    return orphan


def test_a_broker_whose_owner_was_killed_is_removed_by_the_next_start() -> None:
    need(kafka)
    orphan = killed_owner("kafka")
    mark = f"{instances.MARK}={orphan.directory}"
    assert _processes_with(mark)
    with instances.owned("kafka"):
        assert not _processes_with(mark)
        assert not orphan.directory.exists()


def test_a_cluster_whose_owner_was_killed_leaves_no_process_mount_or_bridge() -> None:
    need_built(cluster, "cluster")
    orphan = killed_owner("cluster")
    # The worst case: its runtime died, too, and only the containers' shims are left.
    for role in orphan.processes:
        orphan.stop(role, grace_s=0.0)
    mark = f"{instances.MARK}={orphan.directory}"
    assert _processes_with(mark)
    with instances.owned("cluster"):
        assert not _processes_with(mark)
        assert str(orphan.directory) not in Path("/proc/self/mounts").read_text()
        assert not Path("/sys/class/net", orphan.bridges[0]).exists()
        assert not orphan.directory.exists()


def _processes_with(mark: str) -> list[str]:
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:
            continue
    return found
