import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi, Right
from actions.kubernetes_deployments import Deployments
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import Target, TargetKind
from tests.actions.api_server import ApiServer, a_status, served
from tests.actions.orders import a_command

RECORDED = Path(__file__).parents[3] / "shared/contracts/kubernetes/kubectl-1.37-requests.json"
KEY = "ns/d"
FIRST, SECOND, THIRD = TemplateHash("aaa"), TemplateHash("bbb"), TemplateHash("ccc")


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
def state(recorded: dict[str, Any]) -> ApiServer:
    state = ApiServer()
    objects = copy.deepcopy(recorded["objects"])
    state.deployments[KEY] = objects["/apis/apps/v1/namespaces/ns/deployments/d"]
    state.deployments["ns/p"] = objects["/apis/apps/v1/namespaces/ns/deployments/p"]
    state.replica_sets = copy.deepcopy(recorded["lists"]["/apis/apps/v1/namespaces/ns/replicasets"]["items"])
    return state


@pytest.fixture
def deployments(state: ApiServer) -> Iterator[Deployments]:
    with served(state) as address:
        yield Deployments(an_api(address))


def an_api(address: str) -> KubernetesApi:
    settings = client.Configuration()
    settings.host = address
    return KubernetesApi(settings)


def an_undo(
    template: TemplateHash = SECOND, expected: TemplateHash = NO_TEMPLATE, name: str = "d"
) -> Command:
    target = Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="ns", workload=name)
    return a_command(template, expected, target=target)


def a_promotion(template: TemplateHash, name: str = "d") -> Command:
    target = Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="ns", workload=name)
    return a_command(template, kind=CommandKind.PROMOTE, target=target)


def without_empty(value: Any) -> Any:
    """Return JSON without the empty mappings that kubectl's own types add to a template."""
    if isinstance(value, dict):
        cleaned = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item != {}}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("arguments", "template"),
    [("rollout undo deployment/d", SECOND), ("rollout undo deployment/d --to-revision=1", FIRST)],
)
def test_an_undo_sends_what_kubectl_sends_and_two_tests_before_it(
    recorded: dict[str, Any],
    state: ApiServer,
    deployments: Deployments,
    arguments: str,
    template: TemplateHash,
) -> None:
    (theirs,) = (
        request
        for command in recorded["commands"]
        if command["command"] == f"kubectl -n ns {arguments}"
        for request in command["requests"]
        if request["method"] == "PATCH"
    )
    deployments.carry_out(an_undo(template))
    (ours,) = (request for request in state.requests if request["method"] == "PATCH")
    assert ours["path"] == theirs["path"]
    assert ours["content_type"] == theirs["content_type"]
    assert ours["query"] == {"fieldManager": "suture"}
    assert ours["body"][:2] == [
        {"op": "test", "path": "/metadata/uid", "value": "dep-uid"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "42"},
    ]
    assert without_empty(ours["body"][2:]) == without_empty(theirs["body"])


def test_a_repeated_undo_changes_the_cluster_once(state: ApiServer, deployments: Deployments) -> None:
    deployments.carry_out(an_undo())
    assert deployments.running("ns", "d") == SECOND
    assert "already" in deployments.carry_out(an_undo())
    assert state.stored == 1


def test_fields_that_the_client_does_not_know_survive(state: ApiServer, deployments: Deployments) -> None:
    state.replica_sets[1]["spec"]["template"]["spec"]["containers"][0]["futureField"] = {"deep": [1, 2]}
    deployments.carry_out(an_undo())
    container = state.deployments[KEY]["spec"]["template"]["spec"]["containers"][0]
    assert container["futureField"] == {"deep": [1, 2]}


def test_a_writer_in_between_is_noticed_and_the_undo_decides_again(
    state: ApiServer, deployments: Deployments
) -> None:
    def scale() -> None:
        state.before_patch = None
        changed = copy.deepcopy(state.deployments[KEY])
        changed["spec"]["replicas"] = 7
        state.write(KEY, changed)

    state.before_patch = scale
    deployments.carry_out(an_undo(expected=THIRD))
    assert deployments.running("ns", "d") == SECOND
    assert state.deployments[KEY]["spec"]["replicas"] == 7


def test_a_deploy_in_between_is_not_overwritten(state: ApiServer, deployments: Deployments) -> None:
    def deploy() -> None:
        state.before_patch = None
        changed = copy.deepcopy(state.deployments[KEY])
        changed["spec"]["template"] = copy.deepcopy(state.replica_sets[0]["spec"]["template"])
        del changed["spec"]["template"]["metadata"]["labels"]["pod-template-hash"]
        state.write(KEY, changed)

    state.before_patch = deploy
    with pytest.raises(RefusedActionError, match="template aaa runs by now, the command undoes ccc"):
        deployments.carry_out(an_undo(expected=THIRD))
    assert deployments.running("ns", "d") == FIRST


def test_somebody_who_always_writes_in_between_makes_it_try_later(
    state: ApiServer, deployments: Deployments
) -> None:
    state.before_patch = lambda: state.write(KEY, copy.deepcopy(state.deployments[KEY]))
    with pytest.raises(TransientActionError, match="5 times in between"):
        deployments.carry_out(an_undo())


def test_a_patch_that_the_server_finds_invalid_is_not_tried_for_ever(
    state: ApiServer, deployments: Deployments
) -> None:
    def refuse() -> None:
        state.refuse_next = [
            (200, state.deployments[KEY], {}),
            (200, {"items": state.replica_sets}, {}),
            (422, a_status(422, "Invalid", "spec.template: Invalid value"), {}),
        ]

    refuse()
    with pytest.raises(PermanentActionError, match=r"422 Invalid spec\.template"):
        deployments.carry_out(an_undo())


def test_a_rehearsal_stores_nothing(state: ApiServer, deployments: Deployments) -> None:
    deployments.carry_out(an_undo(), is_rehearsal=True)
    assert state.stored == 0
    assert state.requests[-1]["query"]["dryRun"] == "All"


def test_a_paused_deployment_is_refused_as_kubectl_does(deployments: Deployments) -> None:
    with pytest.raises(RefusedActionError, match="undo of ns/p to template bbb: it is paused"):
        deployments.carry_out(an_undo(name="p"))


def test_a_template_that_nobody_kept_fails_with_what_is_kept(deployments: Deployments) -> None:
    with pytest.raises(
        PermanentActionError, match="no ReplicaSet of that template is left, kept are ccc, bbb, aaa"
    ):
        deployments.carry_out(an_undo(TemplateHash("zzz")))


def test_a_replica_set_of_a_deployment_that_was_made_again_is_not_ours(
    state: ApiServer, deployments: Deployments
) -> None:
    state.deployments[KEY]["metadata"]["uid"] = "another"
    with pytest.raises(PermanentActionError, match="kept are none"):
        deployments.carry_out(an_undo())


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (403, "Forbidden", PermanentActionError),
        (404, "NotFound", PermanentActionError),
        (429, "TooManyRequests", TransientActionError),
        (503, "ServiceUnavailable", TransientActionError),
    ],
)
def test_an_error_says_what_was_tried_and_whether_to_try_again(
    state: ApiServer, deployments: Deployments, code: int, reason: str, error: type[Exception]
) -> None:
    state.refuse_next = [(code, a_status(code, reason, "so it is"), {"Retry-After": "7"})]
    with pytest.raises(error, match=f"undo of ns/d to template bbb: {code} {reason} so it is") as caught:
        deployments.carry_out(an_undo())
    if isinstance(caught.value, TransientActionError):
        assert caught.value.retry_after_s == 7.0


def test_a_server_that_is_gone_is_tried_again() -> None:
    with served(ApiServer()) as address:
        pass
    with pytest.raises(TransientActionError, match="cannot be reached"):
        Deployments(an_api(address)).carry_out(an_undo())


def test_a_rollout_is_done_when_every_pod_is_new_and_available(
    state: ApiServer, deployments: Deployments
) -> None:
    status = state.deployments[KEY]["status"]
    steps = [
        ({"observedGeneration": 2}, "not seen the change"),
        ({"observedGeneration": 3, "updatedReplicas": 1}, "1 of 2 pods are of the new template"),
        ({"updatedReplicas": 2, "replicas": 3}, "1 pods of other templates"),
        ({"replicas": 2, "availableReplicas": 1}, "1 of 2 pods are available"),
        ({"availableReplicas": 2}, "runs template ccc"),
    ]
    for change, said in steps:
        status.update(change)
        progress = deployments.read_back(an_undo(THIRD))
        assert progress.is_set
        assert said in progress.detail
    assert progress.is_done


def test_a_rollout_past_its_deadline_fails(state: ApiServer, deployments: Deployments) -> None:
    state.deployments[KEY]["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "stuck"}
    ]
    with pytest.raises(PermanentActionError, match="made no progress within its deadline: stuck"):
        deployments.read_back(an_undo(THIRD))


def test_a_promotion_resumes_a_paused_rollout_once(state: ApiServer, deployments: Deployments) -> None:
    assert not deployments.read_back(a_promotion(THIRD, "p")).is_set
    # Both fixtures share the selector; this one owns the ReplicaSets by uid.
    assert "resumed" in deployments.carry_out(a_promotion(THIRD, "p"))
    assert deployments.read_back(a_promotion(THIRD, "p")).is_done
    assert "not paused" in deployments.carry_out(a_promotion(THIRD, "p"))
    assert state.stored == 1


def test_a_promotion_of_a_template_that_was_replaced_is_refused(deployments: Deployments) -> None:
    with pytest.raises(RefusedActionError, match="template ccc is asked for by now"):
        deployments.carry_out(a_promotion(FIRST))


def test_rights_are_asked_of_the_server(state: ApiServer) -> None:
    state.allowed = {"get deployments": True, "list replicasets": True}
    with served(state) as address:
        rights = an_api(address).rights("ns", Deployments.rights(TargetKind.DEPLOYMENT))
    assert rights == (
        Right(verb="get", resource="deployments.apps", is_allowed=True),
        Right(verb="list", resource="replicasets.apps", is_allowed=True),
        Right(verb="patch", resource="deployments.apps", is_allowed=False),
    )
