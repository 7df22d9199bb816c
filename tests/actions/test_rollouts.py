"""Verbs on Rollouts: what they send, against what kubectl's plugin sends, and what they refuse.

The plugin's patches are those of argoproj/argo-rollouts v1.10.1, pkg/kubectl-argo-rollouts/cmd.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client

from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import rules
from actions.kubernetes_targets import KubernetesTargets
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import Target, TargetKind
from schemas.verbs import StepPromotion
from tests.actions.object_server import ObjectServer, objects_served
from tests.actions.orders import a_command

ROOT = "/apis/argoproj.io/v1alpha1"
PATH = f"{ROOT}/namespaces/ns/rollouts/web"
DEPLOYMENT = "/apis/apps/v1/namespaces/ns/deployments/web"
REPLICA_SETS = "/apis/apps/v1/namespaces/ns/replicasets"
STEPS = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}]
PAUSED = {"pauseConditions": [{"reason": "CanaryPauseStep"}], "controllerPause": True}
READ = {"uid": "u-web", "resourceVersion": "7"}
DONE = {"stableRS": "new", "currentStepIndex": 3, "phase": "Healthy", "message": ""}


def a_template(template: str) -> dict[str, Any]:
    labels = {"app": "web", "rollouts-pod-template-hash": template}
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": template}]}}


def a_replica_set(template: str, pods: int) -> dict[str, Any]:
    owner = {"kind": "Rollout", "uid": "u-web", "controller": True}
    return {
        "metadata": {
            "name": f"web-{template}",
            "labels": {"rollouts-pod-template-hash": template},
            "ownerReferences": [owner],
        },
        "spec": {"template": a_template(template)},
        "status": {"replicas": pods, "availableReplicas": pods},
    }


def a_rollout(**status: Any) -> dict[str, Any]:
    """Return a Rollout that waits at its pause, on the way from `old` to `new`."""
    return {
        "metadata": {"name": "web", "namespace": "ns", "generation": 4, **READ},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}},
            "strategy": {"canary": {"steps": STEPS}},
        },
        "status": {
            "observedGeneration": "4",
            "currentPodHash": "new",
            "stableRS": "old",
            "currentStepIndex": 1,
            "phase": "Paused",
            "message": "CanaryPauseStep",
            **PAUSED,
            **status,
        },
    }


@pytest.fixture
def state() -> ObjectServer:
    state = ObjectServer()
    state.objects[PATH] = a_rollout()
    state.lists[REPLICA_SETS] = [a_replica_set("new", 1), a_replica_set("old", 2), a_replica_set("older", 0)]
    return state


@pytest.fixture
def cluster(state: ObjectServer) -> Iterator[KubernetesTargets]:
    settings = client.Configuration()
    with objects_served(state) as address:
        settings.host = address
        yield KubernetesTargets(KubernetesApi(settings))


def an_order(kind: CommandKind, template: str = "", **more: Any) -> Command:
    target = Target(kind=TargetKind.ROLLOUT, cluster="default", namespace="ns", workload="web")
    command = a_command(TemplateHash("any"), kind=CommandKind.UNDO, target=target)
    return replace(command, **{"kind": kind, "template": TemplateHash(template), **more})


ABORT = an_order(CommandKind.ABORT)
RETRY = an_order(CommandKind.RETRY)
PAUSE = an_order(CommandKind.PAUSE)
RESUME = an_order(CommandKind.RESUME)
PROMOTE = an_order(CommandKind.PROMOTE, "new")
STEP = an_order(CommandKind.PROMOTE_STEP, "new", step=StepPromotion(step=1))
UNDO = an_order(CommandKind.UNDO, "old")


@pytest.mark.parametrize(
    ("order", "status", "where", "sent"),
    [
        (ABORT, {}, "/status", {"status": {"abort": True}}),
        (RETRY, {"abort": True}, "/status", {"status": {"abort": False}}),
        (PAUSE, {}, "", {"spec": {"paused": True}}),
        (PROMOTE, {}, "/status", {"status": {"promoteFull": True}}),
        (STEP, {}, "/status", {"status": {"pauseConditions": None}}),
        (
            STEP,
            {"pauseConditions": None, "controllerPause": False},
            "/status",
            {"status": {"pauseConditions": None, "currentStepIndex": 2}},
        ),
        (
            STEP,
            {"canary": {"currentStepAnalysisRunStatus": {"status": "Inconclusive"}}},
            "/status",
            {"status": {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 2}},
        ),
        (UNDO, {}, "/status", {"status": {"abort": True}}),
    ],
    ids=["abort", "retry", "pause", "full", "step", "running_analysis", "inconclusive", "undo_under_way"],
)
def test_a_verb_sends_what_the_plugin_sends_and_what_it_read(
    state: ObjectServer,
    cluster: KubernetesTargets,
    order: Command,
    status: dict[str, Any],
    where: str,
    sent: dict[str, Any],
) -> None:
    state.objects[PATH] = a_rollout(**status)
    before = copy.deepcopy(state.objects)
    cluster.rehearse(order)
    assert state.objects == before
    (rehearsed,) = state.writes()
    cluster.carry_out(order)
    (request,) = state.writes()[1:]
    assert request == {
        "method": "PATCH",
        "path": PATH + where,
        "query": {"fieldManager": "suture"},
        "content_type": "application/merge-patch+json",
        "body": {"metadata": READ, **sent},
    }
    assert rehearsed == {**request, "query": {"fieldManager": "suture", "dryRun": "All"}}
    assert "already" in cluster.carry_out(order)
    assert len(state.writes()) == 2


def test_a_full_promotion_lifts_a_pause_that_somebody_set_as_the_plugin_does(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    state.objects[PATH]["spec"]["paused"] = True
    cluster.carry_out(PROMOTE)
    full, lifted = state.writes()
    assert (full["path"], full["body"]["status"]) == (f"{PATH}/status", {"promoteFull": True})
    assert (lifted["path"], lifted["body"]["spec"]) == (PATH, {"paused": False})
    assert cluster.read_back(PROMOTE).is_set


@pytest.mark.parametrize("is_referenced", [False, True])
def test_an_undo_of_what_was_promoted_writes_the_template_and_then_promotes_it(
    state: ObjectServer, cluster: KubernetesTargets, *, is_referenced: bool
) -> None:
    state.objects[PATH] = a_rollout(**DONE, **dict.fromkeys(PAUSED))
    path, uid, version = PATH, "u-web", "7"
    if is_referenced:
        path, uid, version = DEPLOYMENT, "u-deployment", "9"
        metadata = {"name": "web", "uid": uid, "resourceVersion": version, "generation": 2}
        state.objects[path] = {"metadata": metadata, "spec": {"template": {}}}
        state.objects[PATH]["spec"]["workloadRef"] = {"kind": "Deployment", "name": "web"}
        state.objects[PATH]["status"]["workloadObservedGeneration"] = "2"
    with pytest.raises(TransientActionError, match="its promotion follows"):
        cluster.carry_out(UNDO)
    (request,) = state.writes()
    plain = {**a_template("old"), "metadata": {"labels": {"app": "web"}}}
    assert (request["path"], request["content_type"]) == (path, "application/json-patch+json")
    assert request["body"] == [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": plain},
    ]
    # The controller sees it, and would walk through the steps.
    state.objects[PATH]["status"] |= {"currentPodHash": "old", "currentStepIndex": 0, "phase": "Progressing"}
    assert not cluster.read_back(UNDO).is_set
    cluster.carry_out(UNDO)
    assert state.writes()[1]["body"]["status"] == {"promoteFull": True}
    assert cluster.read_back(UNDO).is_set
    state.objects[PATH]["status"] |= {
        "stableRS": "old",
        "promoteFull": False,
        "phase": "Healthy",
        "message": "",
    }
    done = cluster.read_back(UNDO)
    assert (done.is_done, done.template) == (True, "old")
    assert "already" in cluster.carry_out(UNDO)
    assert len(state.writes()) == 2


def test_an_abort_is_done_when_the_stable_pods_serve_alone(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    cluster.carry_out(UNDO)
    said = []
    status = state.objects[PATH]["status"]
    newest, stable, _ = state.lists[REPLICA_SETS]
    said.append(cluster.read_back(UNDO).detail)
    status["conditions"] = [{"type": "Progressing", "reason": "RolloutAborted", "message": "aborted"}]
    stable["status"]["availableReplicas"] = 1
    said.append(cluster.read_back(UNDO).detail)
    stable["status"]["availableReplicas"] = 2
    said.append(cluster.read_back(UNDO).detail)
    status["canary"] = {"weights": {"canary": {"weight": 10}}}
    said.append(cluster.read_back(UNDO).detail)
    status["canary"] = {}
    newest["status"]["replicas"] = 0
    done = cluster.read_back(UNDO)
    assert said == [
        "its controller has not aborted the update yet",
        "1 of 2 stable pods are available",
        "1 pods of template new still run",
        "the canary still gets 10 % of the traffic",
    ]
    assert (done.is_set, done.is_done, done.template) == (True, True, "old")
    assert "still names new, which a retry starts again" in done.detail


BLUE_GREEN = {"blueGreen": {"activeService": "a"}}


@pytest.mark.parametrize(
    ("order", "status", "spec", "words"),
    [
        (ABORT, DONE, {}, "no update is under way, template new is promoted in full; undo takes it back"),
        (ABORT, {"stableRS": ""}, {}, "its first template new has nothing to go back to"),
        (ABORT, {}, {"paused": True}, "somebody paused it"),
        (UNDO, {}, {"paused": True}, "somebody paused it"),
        (replace(ABORT, expected_template=TemplateHash("old")), {}, {}, "template new is asked for by now"),
        (replace(UNDO, expected_template=TemplateHash("older")), {}, {}, "template new is asked for by now"),
        (replace(PROMOTE, template=TemplateHash("older")), {}, {}, "template new is asked for by now"),
        (PROMOTE, {"abort": True}, {}, "its update is aborted, retry it first"),
        (STEP, {"abort": True}, {}, "its update is aborted, retry it first"),
        (STEP, {"currentStepIndex": 0}, {}, "it is at step 0, and not at step 1 yet"),
        (STEP, {}, {"strategy": {"canary": {}}}, "its strategy has no steps"),
        (STEP, {"pauseConditions": []}, {"strategy": BLUE_GREEN}, "it does not wait for a promotion"),
        (replace(UNDO, template=TemplateHash("new")), {"abort": True}, {}, "is itself aborted"),
        (
            UNDO,
            DONE,
            {"workloadRef": {"kind": "PodTemplate", "name": "web"}},
            "its workloadRef is a PodTemplate",
        ),
    ],
)
def test_what_must_not_be_done_is_refused_in_words(
    state: ObjectServer,
    cluster: KubernetesTargets,
    order: Command,
    status: dict[str, Any],
    spec: dict[str, Any],
    words: str,
) -> None:
    rollout = a_rollout(**status)
    if "pauseConditions" in status:
        rollout["status"]["controllerPause"] = False
    rollout["spec"] |= spec
    state.objects[PATH] = rollout
    with pytest.raises(RefusedActionError, match=words):
        cluster.carry_out(order)
    assert state.writes() == []


def test_a_blue_green_rollout_is_past_its_pause_when_the_active_service_selects_the_new_pods(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    rollout = a_rollout(blueGreen={"activeSelector": "old"}, currentStepIndex=None)
    rollout["spec"]["strategy"] = BLUE_GREEN
    state.objects[PATH] = rollout
    order = replace(STEP, step=StepPromotion(step=0))
    cluster.carry_out(order)
    (request,) = state.writes()
    assert request["body"]["status"] == {"pauseConditions": None}
    assert (cluster.read_back(order).is_set, cluster.read_back(order).is_done) == (True, False)
    state.objects[PATH]["status"] |= {"controllerPause": False, "blueGreen": {"activeSelector": "new"}}
    assert cluster.read_back(order).is_done


@pytest.mark.parametrize("seen", ["3", "0", ""])
def test_what_the_controller_has_not_seen_is_waited_for(
    state: ObjectServer, cluster: KubernetesTargets, seen: str
) -> None:
    state.objects[PATH]["status"]["observedGeneration"] = seen
    for order in (ABORT, UNDO, PROMOTE, PAUSE):
        with pytest.raises(TransientActionError, match="is Argo Rollouts' controller running"):
            cluster.read_back(order)
    state.objects[PATH]["status"]["observedGeneration"] = "5c77f7d9"
    assert not cluster.read_back(ABORT).is_set


def test_no_rollout_and_no_type_of_rollouts_are_told_apart(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    del state.objects[PATH]
    with pytest.raises(PermanentActionError, match="404 NotFound"):
        cluster.read_back(ABORT)
    state.unserved.append(ROOT)
    with pytest.raises(
        PermanentActionError, match=r"the cluster knows no Rollouts, .*CRD rollouts.argoproj.io"
    ):
        cluster.read_back(ABORT)


def test_an_update_that_failed_is_told_with_the_controllers_words(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
    state.objects[PATH]["status"] |= {"promoteFull": True, "conditions": [late]}
    with pytest.raises(PermanentActionError, match="rollout of ns/web: has timed out"):
        cluster.read_back(PROMOTE)


def test_a_role_for_an_abort_may_patch_the_status_alone() -> None:
    needed = {rule.name: rule.verbs for rule in rules((CommandKind.ABORT,), (TargetKind.ROLLOUT,))}
    assert needed == {
        "deployments": ("get",),
        "replicasets": ("list",),
        "rollouts": ("get",),
        "rollouts/status": ("patch",),
    }
    undoing = {rule.name: rule.verbs for rule in rules((CommandKind.UNDO,), (TargetKind.ROLLOUT,))}
    assert (undoing["rollouts"], undoing["deployments"]) == (("get", "patch"), ("get", "patch"))


def test_a_step_is_promoted_by_its_place() -> None:
    with pytest.raises(ValueError, match="names no step"):
        replace(STEP, step=None)
    with pytest.raises(ValueError, match="names no template"):
        replace(STEP, template=NO_TEMPLATE)
    with pytest.raises(ValueError, match="step is -1"):
        StepPromotion(step=-1)
