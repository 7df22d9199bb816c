"""Verbs on Kubernetes: what they send, against what the real kubectl sends, and what they refuse."""

import copy
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes import client

from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED, KubernetesTargets, possible
from actions.processes import Processes
from actions.verb_delete_pod import crash_of
from actions.verb_run_job import DEADLINE_S, KEPT_S, job_from, job_name
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import NO_TEMPLATE, CommandId, TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import Target, TargetKind
from schemas.verbs import ConfigChange, PodDeletion, Scaling
from tests.actions.api_server import a_status
from tests.actions.object_server import ObjectServer, objects_served
from tests.actions.orders import a_command

RECORDED = Path(__file__).parents[3] / "shared/contracts/kubernetes/kubectl-1.37-requests.json"
BATCH = "/apis/batch/v1/namespaces/ns"
POD = "/api/v1/namespaces/ns/pods/x"
CONFIG = "/api/v1/namespaces/ns/configmaps/settings"
LOOPING = {
    "name": "c",
    "ready": False,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
NAMES = {
    TargetKind.DEPLOYMENT: "d",
    TargetKind.STATEFUL_SET: "s",
    TargetKind.DAEMON_SET: "ds",
    TargetKind.CRON_JOB: "cj",
    TargetKind.CONFIG_MAP: "settings",
}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """What the real kubectl was served, and what it sent."""
    if not RECORDED.exists():
        reason = f"the recorded requests of kubectl are not at {RECORDED}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    content: dict[str, Any] = json.loads(RECORDED.read_text())
    return content


@pytest.fixture
def state(recorded: dict[str, Any]) -> ObjectServer:
    state = ObjectServer()
    state.objects = copy.deepcopy(recorded["objects"])
    state.lists = {path: found["items"] for path, found in copy.deepcopy(recorded["lists"]).items()}
    pod = state.objects[POD]
    owner = {"kind": "ReplicaSet", "uid": "u-d-ccc", "controller": True}
    pod["metadata"] |= {"ownerReferences": [owner], "resourceVersion": "9"}
    pod["status"] = {"containerStatuses": [LOOPING]}
    metadata = {"name": "settings", "namespace": "ns", "uid": "cm-uid", "resourceVersion": "3"}
    state.objects[CONFIG] = {"metadata": metadata, "data": {"size": "1"}}
    return state


@pytest.fixture
def cluster(state: ObjectServer) -> Iterator[KubernetesTargets]:
    settings = client.Configuration()
    with objects_served(state) as address:
        settings.host = address
        yield KubernetesTargets(KubernetesApi(settings))


def an_order(kind: CommandKind, target: TargetKind, name: str = "", **more: Any) -> Command:
    place = Target(kind=target, cluster="default", namespace="ns", workload=name or NAMES[target])
    template = TemplateHash(more.pop("template", "any"))
    command = a_command(template, kind=CommandKind.UNDO, target=place)
    kept = template if kind is CommandKind.UNDO else NO_TEMPLATE
    return replace(command, kind=kind, template=kept, **more)


RESTART = an_order(CommandKind.RESTART, TargetKind.DEPLOYMENT)
PAUSE = an_order(CommandKind.PAUSE, TargetKind.DEPLOYMENT)
RESUME = an_order(CommandKind.RESUME, TargetKind.DEPLOYMENT, "p")
SCALE = an_order(CommandKind.SCALE, TargetKind.DEPLOYMENT, scaling=Scaling(replicas=5, minimum=1, maximum=5))
DELETE = an_order(CommandKind.DELETE_POD, TargetKind.DEPLOYMENT, pod=PodDeletion(pod="x", uid="pod-uid"))
RUN = an_order(CommandKind.RUN_JOB, TargetKind.CRON_JOB)
SET = an_order(CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=ConfigChange(key="size", value="2"))
SET_BOTH = replace(SET, config=ConfigChange(key="size", value="2", restart=RESTART.target))
UNDO_S = an_order(CommandKind.UNDO, TargetKind.STATEFUL_SET, template="s-2")
UNDO_DS = an_order(CommandKind.UNDO, TargetKind.DAEMON_SET, template="ds-1")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("rollout undo statefulset/s", UNDO_S),
        ("rollout undo statefulset/s --to-revision=1", replace(UNDO_S, template=TemplateHash("s-1"))),
        ("rollout undo daemonset/ds", UNDO_DS),
        ("rollout restart deployment/d", RESTART),
        ("rollout pause deployment/d", PAUSE),
        ("rollout resume deployment/p", RESUME),
        ("scale deployment/d --replicas=5", SCALE),
    ],
)
def test_a_verb_sends_what_kubectl_sends_and_what_it_read(
    recorded: dict[str, Any], state: ObjectServer, cluster: KubernetesTargets, theirs: str, ours: Command
) -> None:
    (asked,) = (one for one in recorded["commands"] if one["command"] == f"kubectl -n ns {theirs}")
    (patch,) = (one for one in asked["requests"] if one["method"] == "PATCH")
    before = copy.deepcopy(state.objects[patch["path"].partition("?")[0].removesuffix("/scale")])
    cluster.carry_out(ours)
    (sent,) = state.writes()
    read = {key: before["metadata"][key] for key in ("uid", "resourceVersion")}
    assert sent["path"] == patch["path"].partition("?")[0]
    assert sent["content_type"] == patch["content_type"]
    assert sent["query"] == {"fieldManager": "suture"}
    assert sent["body"].pop("metadata") == read
    if ours is RESTART:
        # The instant is the command's own.
        patch = json.loads(re.sub(r"2026-11-23T05:47:35Z", "2026-11-01T03:00:00Z", json.dumps(patch)))
    assert sent["body"] == patch["body"]


def test_a_deletion_sends_what_kubectl_sends_and_which_pod_it_means(
    recorded: dict[str, Any], state: ObjectServer, cluster: KubernetesTargets
) -> None:
    (asked,) = (one for one in recorded["commands"] if "delete pod x" in one["command"])
    (theirs,) = asked["requests"]
    cluster.carry_out(DELETE)
    (sent,) = state.writes()
    assert (sent["method"], sent["path"]) == (theirs["method"], theirs["path"])
    assert sent["body"].pop("preconditions") == {"uid": "pod-uid", "resourceVersion": "9"}
    assert {key: sent["body"][key] for key in theirs["body"]} == theirs["body"]


@pytest.mark.parametrize("order", [UNDO_S, UNDO_DS, RESTART, PAUSE, RESUME, SCALE, DELETE, RUN, SET])
def test_twice_is_once_and_a_rehearsal_is_nothing(
    state: ObjectServer, cluster: KubernetesTargets, order: Command
) -> None:
    before = copy.deepcopy(state.objects)
    cluster.rehearse(order)
    assert state.objects == before
    assert len(state.writes()) == 1
    cluster.carry_out(order)
    after = copy.deepcopy(state.objects)
    assert after != before
    assert "already" in cluster.carry_out(order)
    assert state.objects == after


@pytest.mark.parametrize("order", [UNDO_S, UNDO_DS, RESTART, PAUSE, RESUME, SCALE, DELETE, RUN, SET_BOTH])
def test_whichever_answer_gets_lost_the_change_is_made_once(
    state: ObjectServer, cluster: KubernetesTargets, order: Command
) -> None:
    before = copy.deepcopy(state.objects)
    cluster.carry_out(order)
    requests, once = len(state.requests), copy.deepcopy(state.objects)
    for lost in range(requests):
        state.objects, state.requests, state.lost = copy.deepcopy(before), [], lost
        state.version = 100
        with pytest.raises(TransientActionError, match="the answer was lost"):
            cluster.carry_out(order)
        state.lost = None
        cluster.carry_out(order)
        # Versions count the writes that changed something.
        assert state.objects == once


@pytest.mark.parametrize("order", [UNDO_S, RESTART, PAUSE, SCALE, SET])
def test_somebody_who_wrote_in_between_is_read_again(
    state: ObjectServer, cluster: KubernetesTargets, order: Command
) -> None:
    path = next(path for path in state.objects if path.endswith(f"s/{order.target.workload}"))
    read = ObjectServer.answer
    state.objects[path]["metadata"]["labels"] = {}

    def meddling(self: ObjectServer, method: str, *arguments: Any) -> tuple[int, Any]:
        if method == "PATCH" and not state.objects[path]["metadata"]["labels"]:
            state.objects[path]["metadata"] |= {"resourceVersion": "77", "labels": {"somebody": "else"}}
        return read(self, method, *arguments)

    state.answer = meddling.__get__(state)  # type: ignore[method-assign]
    cluster.carry_out(order)
    assert len(state.writes()) == 2
    assert state.objects[path]["metadata"]["labels"] == {"somebody": "else"}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(RESTART, expected_template=TemplateHash("bbb")), "template ccc runs by now"),
        (replace(RESTART, target=RESUME.target), "it is paused"),
        (replace(PAUSE, target=UNDO_S.target), "it is a statefulset, expected deployment"),
        (replace(SCALE, target=UNDO_DS.target), "it is a daemonset"),
        (replace(RUN, target=RESTART.target), "expected cronjob"),
    ],
)
def test_what_must_not_be_done_is_refused_in_words(
    state: ObjectServer, cluster: KubernetesTargets, order: Command, words: str
) -> None:
    with pytest.raises(RefusedActionError, match=words):
        cluster.carry_out(order)
    assert state.writes() == []


def test_an_autoscaler_of_another_workload_does_not_stand_in_the_way(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    path = "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers"
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "other"}, "maxReplicas": 9}
    state.lists[path] = [{"metadata": {"name": "h"}, "spec": spec}]
    cluster.rehearse(SCALE)
    spec["scaleTargetRef"] = {"kind": "Deployment", "name": "d"}
    with pytest.raises(RefusedActionError, match="HorizontalPodAutoscaler h keeps it at 1 to 9 replicas"):
        cluster.carry_out(SCALE)


def test_pods_that_change_only_when_deleted_are_neither_undone_nor_restarted(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    spec = state.objects["/apis/apps/v1/namespaces/ns/statefulsets/s"]["spec"]
    spec["updateStrategy"] = {"type": "OnDelete"}
    for order in (UNDO_S, replace(RESTART, target=UNDO_S.target)):
        with pytest.raises(RefusedActionError, match="OnDelete"):
            cluster.carry_out(order)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (LOOPING, "container c: CrashLoopBackOff, exit code 1 (Error)"),
        ({**LOOPING, "state": {"running": {}}}, "container c: exit code 1 (Error)"),
        ({**LOOPING, "state": {"running": {}}, "ready": True}, ""),
        ({**LOOPING, "state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}}, ""),
        ({**LOOPING, "state": {"terminated": {"exitCode": 0}}, "lastState": {}}, ""),
        ({"name": "c", "ready": False, "state": {"running": {}}}, ""),
    ],
)
def test_a_pod_has_crashed_when_its_containers_say_so(status: dict[str, Any], said: str) -> None:
    assert crash_of({"status": {"containerStatuses": [status]}}, DELETE.issued_at) == said


@pytest.mark.parametrize(("minutes", "is_crashed"), [(-1, True), (9, True), (11, False)])
def test_a_container_that_runs_again_has_not_recovered_before_it_has_run_for_a_while(
    state: ObjectServer, cluster: KubernetesTargets, minutes: int, *, is_crashed: bool
) -> None:
    started_at = (DELETE.issued_at - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    again = {**LOOPING, "state": {"running": {"startedAt": started_at}}, "ready": True}
    state.objects[POD]["status"] = {"containerStatuses": [again]}
    if is_crashed:
        assert "deleted, container c: exit code 1 (Error)" in cluster.carry_out(DELETE)
    else:
        with pytest.raises(RefusedActionError, match="has not crashed"):
            cluster.carry_out(DELETE)


@pytest.mark.parametrize("change", ["not crashed", "nobody's", "another uid"])
def test_no_pod_is_deleted_but_a_crashed_one_that_is_replaced(
    state: ObjectServer, cluster: KubernetesTargets, change: str
) -> None:
    pod = state.objects[POD]
    if change == "another uid":
        pod["metadata"]["uid"] = "the next pod of this name"
        assert "gone already" in cluster.carry_out(DELETE)
    else:
        if change == "not crashed":
            pod["status"] = {"containerStatuses": [{"name": "c", "ready": True, "state": {"running": {}}}]}
        else:
            pod["metadata"]["ownerReferences"] = []
        with pytest.raises(RefusedActionError, match=r"has not crashed|is not controlled by it"):
            cluster.carry_out(DELETE)
    assert POD in state.objects


def test_a_job_is_bounded_and_named_for_its_command(state: ObjectServer, cluster: KubernetesTargets) -> None:
    cron_job = state.objects[f"{BATCH}/cronjobs/cj"]
    job = job_from(cron_job, RUN)
    assert job["spec"] == {
        **cron_job["spec"]["jobTemplate"]["spec"],
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE_S,
        "ttlSecondsAfterFinished": KEPT_S,
    }
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert job_from(cron_job, replace(RUN, timeout_s=30))["spec"]["activeDeadlineSeconds"] == 30
    cluster.carry_out(RUN)
    assert f"{BATCH}/jobs/{job['metadata']['name']}" in state.objects
    with pytest.raises(RefusedActionError, match="two at once are not run"):
        cluster.carry_out(replace(RUN, id=CommandId("another")))


@given(st.text(min_size=1), st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,50}[a-z0-9])?", fullmatch=True))
def test_a_jobs_name_is_always_one_that_the_server_takes(command: str, cron_job: str) -> None:
    name = job_name(CommandId(command), cron_job)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)


def test_a_failed_job_says_why_with_its_last_lines_redacted(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    cluster.carry_out(RUN)
    job = state.objects[f"{BATCH}/jobs/{job_name(RUN.id, 'cj')}"]
    assert not cluster.read_back(RUN).is_done
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}
    path = "/api/v1/namespaces/ns/pods"
    pod = {"metadata": {"name": "j-1"}, "spec": {"containers": [{"name": "c"}]}}
    state.lists[path] = [pod]
    state.logs[f"{path}/j-1/log"] = "moving 7 tables\npassword=hunter2 refused\n"
    with pytest.raises(PermanentActionError, match="failed: DeadlineExceeded") as caught:
        cluster.read_back(RUN)
    assert caught.value.log_tail == ("moving <n> tables", "password=<secret> refused")


def test_a_config_change_repeats_no_value_and_restarts_its_reader_once(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    change = ConfigChange(key="mode.x", value="quiet-please", restart=RESTART.target)
    order = replace(SET, config=change)
    text = cluster.carry_out(order)
    assert "key mode.x added; ns/d: restart as of 2026-11-01T03:00:00Z" in text
    assert "quiet-please" not in text
    assert state.objects[CONFIG]["data"] == {"size": "1", "mode.x": "quiet-please"}
    assert len(state.writes()) == 2
    cluster.carry_out(order)
    assert len(state.writes()) == 2


def test_an_executor_that_died_between_value_and_restart_goes_on_with_the_restart(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    state.objects[CONFIG]["data"]["size"] = "2"
    progress = cluster.read_back(SET_BOTH)
    assert (progress.is_set, "never restarted" in progress.detail) == (False, True)
    cluster.carry_out(SET_BOTH)
    (sent,) = state.writes()
    assert sent["path"] == "/apis/apps/v1/namespaces/ns/deployments/d"


@pytest.mark.parametrize("broken", [{"immutable": True}, {"data": {}, "binaryData": {"size": "AA=="}}])
def test_a_config_map_that_cannot_take_the_value_is_refused(
    state: ObjectServer, cluster: KubernetesTargets, broken: dict[str, Any]
) -> None:
    state.objects[CONFIG] |= broken
    with pytest.raises(RefusedActionError):
        cluster.carry_out(SET)


@pytest.mark.parametrize(
    ("code", "reason", "message", "error"),
    [
        (403, "Forbidden", 'jobs.batch "j" is forbidden: exceeded quota: none', TransientActionError),
        (403, "Forbidden", 'admission webhook "w" denied the request: not at night', RefusedActionError),
        (400, "", 'admission webhook "w" denied the request without explanation', RefusedActionError),
        (422, "Invalid", "ValidatingAdmissionPolicy 'p' denied request: no", RefusedActionError),
        (500, "InternalError", 'failed calling webhook "w": timeout', TransientActionError),
        (410, "Expired", "the continue token is too old", TransientActionError),
        (403, "Forbidden", 'cannot patch resource "deployments"', PermanentActionError),
    ],
)
def test_what_the_cluster_says_no_with_decides_what_happens_next(
    state: ObjectServer,
    cluster: KubernetesTargets,
    code: int,
    reason: str,
    message: str,
    error: type[Exception],
) -> None:
    state.refuse_next = [(code, a_status(code, reason, message))]
    with pytest.raises(error, match=re.escape(message)):
        cluster.carry_out(RESTART)


def test_every_verb_asks_for_rights_that_name_no_more_than_it_does() -> None:
    allowed = {
        f"{verb} {rule.name}"
        for command, kinds in possible().items()
        for rule in rules([command], kinds)
        for verb in rule.verbs
    }
    assert not any("*" in one or "secrets" in one or "exec" in one for one in allowed)
    assert {rule.name for rule in rules([CommandKind.SCALE], [TargetKind.DEPLOYMENT])} == {
        "deployments",
        "deployments/scale",
        "horizontalpodautoscalers",
        "replicasets",
    }
    with pytest.raises(RefusedActionError, match="pause can be done to none of configmap"):
        rules([CommandKind.PAUSE], [TargetKind.CONFIG_MAP])
    assert "verbs: [get, patch]" in manifests(rules([CommandKind.SET_CONFIG], SERVED), "shop", "suture")


def test_local_processes_refuse_what_only_a_cluster_can_do(tmp_path: Path) -> None:
    with pytest.raises(RefusedActionError, match="know undo and promote alone"):
        Processes(tmp_path).carry_out(RESTART)


@pytest.mark.parametrize("order", [UNDO_S, RESTART, PAUSE, SCALE, DELETE, RUN, SET])
def test_a_command_survives_the_wire_and_an_older_one_is_read_as_before(order: Command) -> None:
    assert from_json(Command, to_json(order)) == order
    old = json.loads(to_json(UNDO_S))
    for field in ("scaling", "pod", "config", "timeout_s"):
        del old[field]
    assert from_json(Command, json.dumps(old)) == UNDO_S


@pytest.mark.parametrize(
    ("order", "change"),
    [
        (UNDO_S, {"template": ""}),
        (SCALE, {"scaling": None}),
        (SCALE, {"scaling": {"replicas": 9, "minimum": 1, "maximum": 5}}),
        (DELETE, {"pod": None}),
        (SET, {"config": {"key": "a/b", "value": ""}}),
        (RUN, {"timeout_s": -1}),
    ],
)
def test_a_command_that_names_no_absolute_target_is_none(order: Command, change: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        from_json(Command, json.dumps({**json.loads(to_json(order)), **change}))
