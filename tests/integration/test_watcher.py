"""The watcher as it is deployed: a process on a real cluster, with its own narrow token, and a real Kafka."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.kubernetes_api import ForbiddenError, KubernetesApi
from actions.kubernetes_resources import CONFIG_MAPS, PODS, SECRETS
from actions.kubernetes_role import manifests
from infra.dev import shop_images
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from schemas.failures import Failure, FailurePattern
from schemas.keys import EnvironmentName
from schemas.observations import (
    Body,
    FailureCleared,
    FailureSeen,
    OneWaySeen,
    PodChange,
    PodChanged,
    TemplateSeen,
)
from schemas.topics import Topic
from streams.watched_namespace import watching_rights
from tests.integration.installation import GATE, Installation, say

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

PATIENT = 400.0
NAME = "app.kubernetes.io/name"


class Watched:
    """A namespace under watch, and what was said of it."""

    def __init__(self, cluster: Cluster, namespace: str, installation: Installation) -> None:
        self.cluster, self.namespace, self.installation = cluster, namespace, installation

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def run(self, name: str, image: str = shop_images.SHOP_V1, probe: int = 0, **env: str) -> None:
        """Apply a Deployment of one pod that is ill as its environment says."""
        container: dict[str, object] = {
            "name": "web",
            "image": image,
            "imagePullPolicy": "Never",
            "env": [{"name": key, "value": value} for key, value in env.items()],
        }
        if probe:
            container["readinessProbe"] = {"httpGet": {"path": "/", "port": probe}, "periodSeconds": 1}
        if env.get("FAULT") == "oom":
            container["resources"] = {"limits": {"memory": "48Mi"}}
        labels = {NAME: name, "app.kubernetes.io/version": "1.4.2"}
        self.cluster.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {
                    "selector": {"matchLabels": {NAME: name}},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
                    },
                },
            }
        )

    def migrate(self, run: str, *, works: bool) -> None:
        """Run the migration, as a Job of its CronJob."""
        target = ["--target=http://127.0.0.1:1/"] if works else []
        container = {
            "name": "task",
            "image": shop_images.SHOP_V1,
            "imagePullPolicy": "Never",
            "command": ["/shop", "load", "--rate=2", "--seconds=1", *target],
        }
        pod = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
        self.cluster.apply(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {
                    "name": "migrate",
                    "namespace": self.namespace,
                    "labels": {"suture.dev/migration": "true", NAME: "good"},
                },
                "spec": {
                    "schedule": "0 0 1 1 *",
                    "suspend": True,
                    "jobTemplate": {"spec": {"backoffLimit": 0, "template": {"spec": pod}}},
                },
            }
        )
        self.kubectl("create", "job", "--from=cronjob/migrate", run)

    def bodies(self) -> list[Body]:
        """Return everything that was said of the namespace, repeats included."""
        topics = (Topic.ENVIRONMENT_OBSERVATIONS, Topic.OBSERVATIONS)
        return [
            self.installation.read(record).body
            for record in self.installation.records(*topics)
            if record.key is not None
        ]

    def seen(self) -> dict[str, Failure]:
        """Return the failures by id, as they were told last."""
        found = (body.failure for body in self.bodies() if isinstance(body, FailureSeen))
        return {failure.id: failure for failure in found}

    def cleared(self) -> Counter[str]:
        """Return how often each failure was called over."""
        return Counter(body.failure for body in self.bodies() if isinstance(body, FailureCleared))

    def templates(self, service: str) -> list[str]:
        """Return the templates that a service was told to ask for, in order, and repeats once."""
        found = [body for body in self.bodies() if isinstance(body, TemplateSeen) and body.service == service]
        return [
            one.template
            for before, one in zip([None, *found], found, strict=False)
            if before is None or before.template != one.template
        ]

    def until_asked(self, service: str, count: int) -> list[str]:
        """Return the templates of a service once so many were told: proof that the watcher is awake."""
        return self.installation.until(
            lambda: found if len(found := self.templates(service)) >= count else [],
            f"{count} templates of {service}",
            PATIENT,
        )


@pytest.fixture
def watched(
    dev_cluster: Cluster,
    namespace: str,
    kafka_broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watched]:
    dev_cluster.apply(manifests(watching_rights(), namespace, "watcher"))
    token = dev_cluster.service_account_token(namespace, "watcher")
    monkeypatch.setenv("KUBECONFIG", str(dev_cluster.kubeconfig_of(token, f"watcher-{namespace}")))
    installation = Installation(
        kafka_broker.bootstrap,
        tmp_path,
        f"{namespace}.",
        parts={"watcher": ["--log-level=info", "watcher"], "gate": GATE, "journal": ["journal"]},
        watch=((EnvironmentName("prod"), namespace),),
    )
    with installation:
        yield Watched(dev_cluster, namespace, installation)


def test_each_pattern_is_seen_once_and_over_once_whatever_dies_meanwhile(watched: Watched) -> None:
    watched.run("good", probe=8080)
    watched.run("crash", FAULT="crash", CRASH_AFTER_S="1")
    watched.run("gone", image="localhost/gone:1")
    watched.run("hung", probe=9)
    watched.run("oom", probe=8080, FAULT="oom", LEAK_BYTES="8388608")
    watched.migrate("migrate-1", works=False)
    expected = {
        ("crash", FailurePattern.CRASH_LOOP),
        ("gone", FailurePattern.IMAGE_PULL),
        ("hung", FailurePattern.NOT_READY),
        ("oom", FailurePattern.OOM_KILLED),
        ("good", FailurePattern.MIGRATION_FAILED),
    }

    def patterns() -> set[tuple[str, FailurePattern]]:
        return {(one.service, one.pattern) for one in watched.seen().values()}

    watched.installation.until(lambda: patterns() == expected, "every pattern is seen", PATIENT)
    first = watched.seen()
    assert len(first) == len(expected)

    watched.installation.kill("watcher")
    watched.kubectl("set", "image", "deployment/good", f"web={shop_images.SHOP_V2}")
    watched.until_asked("good", 2)
    watched.cluster.kill("kube-apiserver")
    say("the API server is gone")
    watched.cluster.start("kube-apiserver")
    watched.installation.until(lambda: answers(watched), "the API server answers", PATIENT)
    watched.kubectl("rollout", "undo", "deployment/good")
    old, new, again = watched.until_asked("good", 3)
    assert old == again != new
    assert watched.seen().keys() == first.keys()
    assert watched.cleared() == {}

    watched.kubectl("set", "env", "deployment/crash", "FAULT=none")
    watched.kubectl("set", "env", "deployment/oom", "FAULT=none")
    watched.kubectl("set", "image", "deployment/gone", f"web={shop_images.SHOP_V1}")
    watched.run("hung", probe=8080)
    watched.migrate("migrate-2", works=True)
    watched.installation.until(
        lambda: watched.cleared().keys() == first.keys(), "every failure is over", PATIENT
    )
    assert watched.cleared() == dict.fromkeys(first, 1)
    assert watched.seen().keys() == first.keys()
    for failure in first.values():
        assert failure.since <= failure.at
        assert failure.failing == 1


def answers(watched: Watched) -> bool:
    try:
        watched.kubectl("get", "pods")
    except RuntimeError:
        return False
    return True


def test_a_loop_keeps_its_id_when_its_pod_is_another(watched: Watched) -> None:
    watched.run("crash", FAULT="crash", CRASH_AFTER_S="1")
    watched.installation.until(lambda: watched.seen(), "the loop is seen", PATIENT)
    (first,) = watched.seen()
    watched.kubectl("delete", "pods", "--all", "--wait=true")

    def crashes_again() -> bool:
        found = json.loads(watched.kubectl("get", "pods", "-o", "json"))["items"]
        counts = [
            one.get("restartCount", 0) for pod in found for one in pod["status"].get("containerStatuses", [])
        ]
        return bool(counts) and min(counts) >= 2

    watched.installation.until(crashes_again, "its successor crashes", PATIENT)
    assert list(watched.seen()) == [first]
    assert watched.cleared() == {}
    watched.kubectl("scale", "deployment/crash", "--replicas=0")
    watched.installation.until(lambda: watched.cleared() == {first: 1}, "the loop is over", PATIENT)

    def journalled() -> list[dict[str, object]]:
        rows = "SELECT failure, service, pattern, cleared_at IS NOT NULL AS is_over FROM failures"
        told = watched.installation.cli("sql", rows, "--format=json", check=False)
        found: list[dict[str, object]] = json.loads(told.stdout) if told.returncode == 0 else []
        return found if any(row["is_over"] for row in found) else []

    (row,) = watched.installation.until(journalled, "the journal has it", PATIENT)
    assert row == {"failure": first, "service": "crash", "pattern": "crash_loop", "is_over": True}


def test_what_changes_for_good_and_which_pods_come_and_go_is_told(watched: Watched) -> None:
    watched.run("good", probe=8080)
    watched.migrate("migrate-1", works=True)

    def one_way() -> list[OneWaySeen]:
        return [body for body in watched.bodies() if isinstance(body, OneWaySeen)]

    (told,) = watched.installation.until(one_way, "the migration is told", PATIENT)
    assert (told.service, told.version, told.reason) == ("good", "1.4.2", "migration Job migrate-1 completed")

    def changes() -> Counter[PodChange]:
        found = {
            (body.pod, body.change): body.change for body in watched.bodies() if isinstance(body, PodChanged)
        }
        return Counter(found.values())

    watched.installation.until(lambda: changes()[PodChange.READY] >= 1, "the pod is ready", PATIENT)
    annotation = {
        "spec": {"template": {"metadata": {"annotations": {"suture.dev/one-way": "drops a table"}}}}
    }
    watched.kubectl("patch", "deployment/good", f"--patch={json.dumps(annotation)}")
    watched.installation.until(
        lambda: any(one.reason == "drops a table" for one in one_way()),
        "the template's word is told",
        PATIENT,
    )
    watched.installation.until(lambda: changes()[PodChange.DELETED] >= 1, "the old pod is gone", PATIENT)


def test_a_watcher_may_read_neither_secrets_nor_logs(watched: Watched) -> None:
    cluster, namespace = watched.cluster, watched.namespace
    token = cluster.service_account_token(namespace, "watcher")
    api = KubernetesApi.connect(cluster.kubeconfig_of(token, f"reading-{namespace}"))
    assert api.page("pods", PODS, namespace)["kind"] == "PodList"
    for resource in (SECRETS, CONFIG_MAPS):
        with pytest.raises(ForbiddenError):
            api.page("not for it", resource, namespace)
    with pytest.raises(ForbiddenError):
        api.pod_log("not for it", namespace, "any", "web", 1)
