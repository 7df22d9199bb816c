"""What is kept of objects of every kind, and what belongs to what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from actions.cluster_objects import ObjectReader, Owner
from schemas.releases import TargetKind
from tests.actions.cluster_recording import empty_view, recorded, surroundings

READER = ObjectReader()
BORN = "2026-11-23T16:00:00Z"
LABELS = {"app.kubernetes.io/name": "cart", "app.kubernetes.io/version": "1.4.2"}


def a_workload(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "uid": "w", "creationTimestamp": BORN, "generation": 2, **metadata},
        "spec": {"replicas": 3, "template": {"metadata": {"labels": LABELS}}},
        "status": {"observedGeneration": 2, **status},
    }


def a_pod(owner: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web-0",
            "uid": "p",
            "creationTimestamp": BORN,
            "labels": {**LABELS, **labels},
            "ownerReferences": [{"kind": owner, "name": name, "controller": True}],
        },
        "status": {"phase": "Running"},
    }


def test_a_stateful_set_names_its_template_by_its_update_revision() -> None:
    seen = READER.workload(TargetKind.STATEFUL_SET, a_workload({"updateRevision": "web-5d9c7"}))
    assert (seen.template, seen.replicas, seen.service, seen.version) == ("web-5d9c7", 3, "cart", "1.4.2")


def test_a_daemon_sets_template_is_that_of_its_pods_of_its_generation() -> None:
    annotations = {"deprecated.daemonset.template.generation": "2"}
    view = empty_view()
    seen = READER.workload(
        TargetKind.DAEMON_SET, a_workload({"desiredNumberScheduled": 4}, annotations=annotations)
    )
    view.workloads[(seen.kind, seen.name)] = seen
    assert (seen.replicas, view.template_of(seen)) == (4, "")
    for generation, template in (("1", "old"), ("2", "new")):
        labels = {"pod-template-generation": generation, "controller-revision-hash": template}
        pod = READER.pod(a_pod("DaemonSet", "web", **labels))
        view.pods[template] = pod
    assert view.template_of(seen) == "new"
    target = view.runs(view.pods["new"], {})
    assert target == view.target(TargetKind.DAEMON_SET, "web")


@pytest.mark.parametrize(("is_aborted", "template"), [(False, "bad"), (True, "good")])
def test_a_rollout_that_was_aborted_asks_for_its_stable_template(is_aborted: bool, template: str) -> None:
    status = {"currentPodHash": "bad", "stableRS": "good", "abort": is_aborted, "observedGeneration": "2"}
    assert READER.workload(TargetKind.ROLLOUT, a_workload(status)).template == template


def test_a_template_that_its_controller_has_not_seen_is_not_told_as_the_one_before() -> None:
    stale = a_workload({"updateRevision": "web-old", "observedGeneration": 1})
    assert READER.workload(TargetKind.STATEFUL_SET, stale).template == ""
    annotations = {"deployment.kubernetes.io/revision": "1"}
    deployment = a_workload({"observedGeneration": 1}, annotations=annotations)
    seen = READER.workload(TargetKind.DEPLOYMENT, deployment)
    assert empty_view().template_of(seen) == ""


def test_a_template_was_written_when_its_newest_writer_wrote_it_and_not_when_it_was_scaled() -> None:
    managed = [
        {"time": "2026-11-23T16:10:00Z", "fieldsV1": {"f:spec": {"f:template": {}, "f:replicas": {}}}},
        {"time": "2026-11-23T16:20:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"time": "2026-11-23T16:30:00Z", "fieldsV1": {"f:status": {"f:replicas": {}}}},
    ]
    seen = READER.workload(TargetKind.DEPLOYMENT, a_workload({}, managedFields=managed))
    assert seen.changed_at == datetime(2026, 11, 23, 16, 10, tzinfo=UTC)
    bare = READER.workload(TargetKind.DEPLOYMENT, a_workload({}))
    assert bare.changed_at == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def test_a_pod_of_a_deployment_is_found_through_its_replica_set_and_a_jobs_pod_runs_no_service() -> None:
    view = surroundings(empty_view())
    sets = view.sets_by_name()
    good = READER.pod(recorded("pods", "good")[-1]["object"])
    assert view.runs(good, sets) == view.target(TargetKind.DEPLOYMENT, "good")
    assert view.runs(good, {}) is None
    assert view.runs(READER.pod(recorded("pods", "migrate-")[0]["object"]), sets) is None
    assert view.runs(READER.pod(a_pod("StatefulSet", "web")), sets) == view.target(
        TargetKind.STATEFUL_SET, "web"
    )


def test_a_pod_is_going_from_when_it_was_asked_to_and_not_from_when_its_grace_is_over() -> None:
    pod = a_pod("ReplicaSet", "web-1")
    pod["metadata"] |= {"deletionTimestamp": "2026-11-23T16:00:40Z", "deletionGracePeriodSeconds": 30}
    assert READER.pod(pod).going_at == datetime(2026, 11, 23, 16, 0, 10, tzinfo=UTC)
    assert READER.pod(pod).owner == Owner(kind="ReplicaSet", name="web-1")


def test_another_label_may_name_the_service() -> None:
    pod = a_pod("ReplicaSet", "web-1", app="shop")
    assert ObjectReader("app").pod(pod).service == "shop"


def test_a_word_on_what_goes_one_way_is_kept_without_secrets() -> None:
    annotations = {"suture.dev/one-way": "drops a table, password=hunter2"}
    seen = READER.workload(TargetKind.DEPLOYMENT, a_workload({}, annotations=annotations))
    assert "drops a table" in seen.one_way
    assert "hunter2" not in seen.one_way
