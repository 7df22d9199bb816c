"""Who owns a workload, and what an undo asks of whom: against a stand-in API server."""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from kubernetes import client

from actions.argo_cd import Applications
from actions.errors import HandedOverError, PermanentActionError, RefusedActionError, TransientActionError
from actions.flux import HelmReleases, Kustomizations
from actions.helm_program import Helm
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import rules
from actions.kubernetes_targets import KubernetesTargets
from actions.owner_objects import Source
from actions.owner_traces import rival_note, traces
from actions.revert_requests import Forge, Revert, RevertRequests
from actions.sync_lease import NOTE
from actions.verb_undo_through_owner import OwnerSettings
from schemas.keys import NO_TEMPLATE, CommandId, TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import TargetKind
from schemas.verbs import OwnerKind, PausedSync
from tests.actions.api_server import a_status
from tests.actions.object_server import ObjectServer, objects_served
from tests.actions.orders import NOW, a_command, a_target

GOOD, BAD = TemplateHash("aaa"), TemplateHash("bbb")
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/cart"
REPLICA_SETS = "/apis/apps/v1/namespaces/shop/replicasets"
APPLICATION = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/cart"
KUSTOMIZATION = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
HELM_RELEASE = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/cart"
COMMIT = "2" * 40
UNDO = a_command(GOOD, BAD, target=a_target(TargetKind.DEPLOYMENT))
Json = dict[str, Any]


def template(image: str) -> Json:
    return {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "c", "image": image}]}}


def a_replica_set(name: str, image: str, revision: int) -> Json:
    whole = template(image)
    whole["metadata"]["labels"] = {"app": "cart", "pod-template-hash": name}
    return {
        "metadata": {
            "name": f"cart-{name}",
            "labels": {"app": "cart", "pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"controller": True, "uid": "u-cart"}],
        },
        "spec": {"template": whole},
    }


def an_object(kind: str, api: str, namespace: str, name: str, spec: Json, **more: Any) -> Json:
    metadata = {"namespace": namespace, "name": name, "uid": f"u-{kind}-{name}", "resourceVersion": "1"}
    status = more.pop("status", {})
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata | more,
        "spec": spec,
        "status": status,
    }


@pytest.fixture
def state() -> ObjectServer:
    state = ObjectServer()
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "cart"}}, "template": template("cart:2")}
    deployment = an_object("Deployment", "apps/v1", "shop", "cart", spec)
    deployment["metadata"]["uid"] = "u-cart"
    state.objects[DEPLOYMENT] = deployment
    state.lists[REPLICA_SETS] = [a_replica_set(GOOD, "cart:1", 1), a_replica_set(BAD, "cart:2", 2)]
    return state


class Requested:
    """A forge that takes every request."""

    def __init__(self, error: Exception | None = None) -> None:
        self.reverts: list[Revert] = []
        self.error = error

    def request(self, revert: Revert) -> str:
        if self.error is not None:
            raise self.error
        self.reverts.append(revert)
        return "https://git.example/shop/infra/pull/1"


@pytest.fixture
def forge() -> Requested:
    return Requested()


@pytest.fixture
def api(state: ObjectServer) -> Iterator[KubernetesApi]:
    settings = client.Configuration()
    with objects_served(state) as address:
        settings.host = address
        yield KubernetesApi(settings)


@pytest.fixture
def cluster(api: KubernetesApi, forge: Requested) -> KubernetesTargets:
    forges: dict[str, Forge] = {"git.example": forge}
    return KubernetesTargets(api, OwnerSettings(reverts=RevertRequests(forges)))


def marked(state: ObjectServer, part: str, **values: str) -> None:
    found = state.objects[DEPLOYMENT]["metadata"].setdefault(part, {})
    found.update({key.replace("__", "/").replace("_", "."): value for key, value in values.items()})


def tracked(state: ObjectServer) -> None:
    notes = {"argocd.argoproj.io/tracking-id": "cart:apps/Deployment:shop/cart"}
    state.objects[DEPLOYMENT]["metadata"]["annotations"] = notes


def application(state: ObjectServer, automated: Json | None, **more: Any) -> None:
    source = {"repoURL": "https://git.example/shop/infra.git", "path": "./", "targetRevision": "HEAD"}
    policy = {"syncPolicy": {"automated": automated}} if automated is not None else {}
    status = {"sync": {"status": "Synced", "revision": COMMIT}, "reconciledAt": "2026-11-01T02:59:00Z"}
    state.objects[APPLICATION] = an_object(
        "Application",
        "argoproj.io/v1alpha1",
        "argocd",
        "cart",
        {"source": source, **policy},
        status=status,
        **more,
    )


def paths(state: ObjectServer, method: str = "") -> list[str]:
    return [one["path"] for one in state.requests if method in ("", one["method"])]


def resumption(paused: PausedSync) -> Command:
    command = a_command(NO_TEMPLATE, kind=CommandKind.RESTART, target=UNDO.target, name="resume")
    return Command(
        **{
            **{field: getattr(command, field) for field in Command.__dataclass_fields__},
            "kind": CommandKind.RESUME_SYNC,
            "paused": paused,
        }
    )


def test_an_undo_of_what_nobody_owns_costs_one_request_more(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    assert not cluster.read_back(UNDO).is_set
    assert paths(state) == [DEPLOYMENT, REPLICA_SETS]
    state.requests.clear()
    cluster.carry_out(UNDO)
    assert paths(state) == [DEPLOYMENT, DEPLOYMENT, REPLICA_SETS, DEPLOYMENT]
    state.requests.clear()
    progress = cluster.read_back(UNDO)
    assert paths(state) == [DEPLOYMENT, REPLICA_SETS]
    assert progress.is_set
    assert progress.ownership is not None
    assert progress.ownership.owner is OwnerKind.NOBODY


def test_where_argo_cd_is_not_installed_the_instance_label_is_nobodys(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    marked(state, "labels", app_kubernetes_io__instance="cart")
    state.unserved.append("/apis/argoproj.io")
    cluster.carry_out(UNDO)
    progress = cluster.read_back(UNDO)
    assert progress.ownership is not None
    assert progress.ownership.owner is OwnerKind.NOBODY


def test_a_right_that_is_lacking_stops_an_undo_only_where_the_trace_is_certain(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    marked(state, "labels", app_kubernetes_io__instance="cart")
    found = state.objects[DEPLOYMENT]
    refused = (403, a_status(403, "Forbidden", "cannot get applications"))
    state.refuse_next = [(200, found), refused]
    assert "bbb -> aaa" in cluster.carry_out(UNDO)
    tracked(state)
    state.objects[DEPLOYMENT]["spec"]["template"] = template("cart:2")
    state.refuse_next = [(200, state.objects[DEPLOYMENT]), refused]
    with pytest.raises(PermanentActionError, match="cannot get applications"):
        cluster.carry_out(UNDO)


@pytest.mark.parametrize(
    ("labels", "annotations", "managers", "expected"),
    [
        ({}, {}, [], []),
        (
            {},
            {"argocd.argoproj.io/tracking-id": "a:apps/Deployment:shop/cart"},
            [],
            [("argocd", "", "a", True)],
        ),
        (
            {},
            {"argocd.argoproj.io/tracking-id": "n_a:apps/Deployment:shop/cart"},
            [],
            [("argocd", "n", "a", True)],
        ),
        ({}, {"argocd.argoproj.io/tracking-id": "a:apps/Deployment:shop/other"}, [], []),
        ({}, {"argocd.argoproj.io/tracking-id": "a:apps/StatefulSet:shop/cart"}, [], []),
        ({}, {"argocd.argoproj.io/tracking-id": ""}, [], []),
        ({"app.kubernetes.io/instance": "a"}, {}, [], [("argocd", "", "a", False)]),
        ({}, {}, ["argocd-controller"], [("argocd", "", "", False)]),
        (
            {"kustomize.toolkit.fluxcd.io/name": "k", "kustomize.toolkit.fluxcd.io/namespace": "f"},
            {},
            [],
            [("flux", "f", "k", True)],
        ),
        (
            {"app.kubernetes.io/managed-by": "Helm"},
            {"meta.helm.sh/release-name": "r", "meta.helm.sh/release-namespace": "shop"},
            ["helm"],
            [("helm", "shop", "r", True)],
        ),
        ({"app.kubernetes.io/managed-by": "Helm"}, {}, [], []),
        (
            {
                "app.kubernetes.io/managed-by": "Helm",
                "helm.toolkit.fluxcd.io/name": "r",
                "helm.toolkit.fluxcd.io/namespace": "shop",
            },
            {"meta.helm.sh/release-name": "r"},
            ["helm-controller"],
            [("flux", "shop", "r", True)],
        ),
    ],
)
def test_traces_are_read_from_what_each_tool_leaves(
    labels: Json, annotations: Json, managers: list[str], expected: list[tuple[str, str, str, bool]]
) -> None:
    thing = an_object("Deployment", "apps/v1", "shop", "cart", {}, labels=labels, annotations=annotations)
    thing["metadata"]["managedFields"] = [{"manager": one} for one in managers]
    found = [(one.owner.value, one.namespace, one.name, one.is_certain) for one in traces(thing)]
    assert found == expected
    assert bool(rival_note(thing)) is any(one[3] for one in expected)


def test_the_pause_and_its_note_are_one_write_and_the_undo_comes_after(
    state: ObjectServer, cluster: KubernetesTargets, forge: Requested
) -> None:
    tracked(state)
    application(state, {"selfHeal": True})
    text = cluster.carry_out(UNDO)
    written = [one for one in state.writes() if one["query"].get("dryRun") != "All"]
    assert [one["path"] for one in written] == [APPLICATION, DEPLOYMENT, APPLICATION]
    pause = written[0]["body"]
    assert pause["spec"] == {"syncPolicy": {"automated": {"enabled": False}}}
    assert pause["metadata"]["resourceVersion"] == "1"
    note = json.loads(pause["metadata"]["annotations"][NOTE])
    assert note["quarantined"] == {UNDO.id: COMMIT}
    assert note["until"].startswith("2026-11-01T03:30:00")
    assert "revert requested: https://git.example/shop/infra/pull/1" in text

    (revert,) = forge.reverts
    assert (revert.repository, revert.base, revert.commit, revert.folder) == ("shop/infra", "", COMMIT, "")
    ownership = cluster.read_back(UNDO).ownership
    assert ownership is not None
    assert ownership.link == "https://git.example/shop/infra/pull/1"
    (paused,) = ownership.paused
    assert paused.until == NOW + timedelta(minutes=30)


def test_an_undo_stands_though_no_revert_can_be_requested(
    state: ObjectServer, cluster: KubernetesTargets, forge: Requested
) -> None:
    tracked(state)
    application(state, {})
    forge.error = RefusedActionError("commit 222 cannot be reverted by itself")
    text = cluster.carry_out(UNDO)
    assert "no revert is requested: commit 222 cannot be reverted by itself" in text
    assert cluster.read_back(UNDO).is_set


def test_a_hand_over_carries_the_request_to_revert(
    state: ObjectServer, cluster: KubernetesTargets, forge: Requested
) -> None:
    tracked(state)
    application(state, {}, ownerReferences=[{"kind": "ApplicationSet", "name": "carts"}])
    with pytest.raises(HandedOverError) as caught:
        cluster.carry_out(UNDO)
    assert getattr(caught.value.ownership, "link", "") == "https://git.example/shop/infra/pull/1"
    assert all(one["query"].get("dryRun") == "All" for one in state.writes())
    with pytest.raises(HandedOverError):
        cluster.rehearse(UNDO)
    assert len(forge.reverts) == 1


def test_whichever_answer_gets_lost_the_owner_is_paused_once_and_the_undo_is_made(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    tracked(state)
    application(state, {"selfHeal": True})
    before = copy.deepcopy(state.objects)
    cluster.carry_out(UNDO)
    count, after = len(state.requests), copy.deepcopy(state.objects)
    for lost in range(count):
        state.objects, state.requests, state.lost = copy.deepcopy(before), [], lost
        try:
            cluster.carry_out(UNDO)
        except TransientActionError:
            state.lost = None
            cluster.carry_out(UNDO)
        assert state.objects[DEPLOYMENT]["spec"] == after[DEPLOYMENT]["spec"]
        assert state.objects[APPLICATION]["spec"] == after[APPLICATION]["spec"]
        ours = json.loads(state.objects[APPLICATION]["metadata"]["annotations"][NOTE])
        assert ours["lifted"] == {"spec": {"syncPolicy": {"automated": {"enabled": None}}}}


def test_a_sync_that_began_with_the_release_is_waited_for(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    tracked(state)
    application(state, {"selfHeal": True})
    state.objects[APPLICATION]["operation"] = {"sync": {}}
    running = {"phase": "Running", "startedAt": "2026-11-01T02:59:30Z"}
    state.objects[APPLICATION]["status"]["operationState"] = running
    with pytest.raises(TransientActionError, match="that began before it was paused") as caught:
        cluster.carry_out(UNDO)
    assert caught.value.ownership is not None
    assert len(caught.value.ownership.paused) == 1
    assert not cluster.read_back(UNDO).is_done
    # One that hangs for long has applied what it was to apply.
    running["startedAt"] = "2026-11-01T02:00:00Z"
    state.objects[APPLICATION]["status"]["operationState"] = running
    assert "already" in cluster.carry_out(UNDO)


def flux_release(state: ObjectServer, *, suspend: bool | None = None) -> None:
    marked(state, "labels", helm_toolkit_fluxcd_io__name="cart", helm_toolkit_fluxcd_io__namespace="shop")
    spec: Json = {"interval": "5m", "chart": {"spec": {"chart": "cart"}}, "values": {"image": "cart:2"}}
    if suspend is not None:
        spec["suspend"] = suspend
    state.objects[HELM_RELEASE] = an_object(
        "HelmRelease",
        "helm.toolkit.fluxcd.io/v2",
        "shop",
        "cart",
        spec,
        labels={
            "kustomize.toolkit.fluxcd.io/name": "apps",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        },
        status={"lastAttemptedRevision": "1.2.0", "helmChart": "shop/shop-cart"},
    )
    state.objects["/apis/source.toolkit.fluxcd.io/v1/namespaces/shop/helmcharts/shop-cart"] = an_object(
        "HelmChart",
        "source.toolkit.fluxcd.io/v1",
        "shop",
        "shop-cart",
        {},
        status={"artifact": {"revision": "1.2.0"}},
    )
    reference = {"kind": "GitRepository", "name": "infra"}
    state.objects[f"{KUSTOMIZATION}/apps"] = an_object(
        "Kustomization",
        "kustomize.toolkit.fluxcd.io/v1",
        "flux-system",
        "apps",
        {"sourceRef": reference},
        status={"lastAttemptedRevision": f"main@sha1:{COMMIT}"},
    )


def test_a_helm_release_of_flux_and_its_kustomization_are_suspended_and_go_on_with_other_values(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    flux_release(state)
    cluster.carry_out(UNDO)
    written = [one for one in state.writes() if one["query"].get("dryRun") != "All"]
    assert [one["path"] for one in written] == [f"{KUSTOMIZATION}/apps", HELM_RELEASE, DEPLOYMENT]
    for one in written[:2]:
        assert one["query"]["fieldManager"] == "flux-client-side-apply"
        assert one["body"]["spec"] == {"suspend": True}
    ownership = cluster.read_back(UNDO).ownership
    assert ownership is not None
    assert [one.resource for one in ownership.paused] == ["Kustomization", "HelmRelease"]
    order = resumption(ownership.paused[1])
    with pytest.raises(RefusedActionError, match=r"still asks for revision 1\.2\.0"):
        cluster.carry_out(order)
    state.objects[HELM_RELEASE]["spec"]["values"] = {"image": "cart:3"}
    assert "goes on by itself again" in cluster.carry_out(order)
    assert "suspend" not in state.objects[HELM_RELEASE]["spec"]
    assert cluster.read_back(order).is_done


def test_what_people_suspended_stays_theirs(state: ObjectServer, cluster: KubernetesTargets) -> None:
    flux_release(state, suspend=True)
    cluster.carry_out(UNDO)
    assert [one["path"] for one in state.writes() if "dryRun" not in one["query"]] == [DEPLOYMENT]
    ownership = cluster.read_back(UNDO).ownership
    assert ownership is not None
    assert ownership.paused == ()
    assert "does not act by itself" in ownership.strategy


def test_a_workload_that_tells_flux_to_leave_it_alone_needs_no_pause(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    flux_release(state)
    marked(state, "annotations", kustomize_toolkit_fluxcd_io__reconcile="disabled")
    cluster.carry_out(UNDO)
    assert [one["path"] for one in state.writes() if "dryRun" not in one["query"]] == [DEPLOYMENT]


def test_the_end_of_a_lease_asks_argo_cd_to_look_before_it_believes_it(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    tracked(state)
    application(state, {"selfHeal": True})
    cluster.carry_out(UNDO)
    ownership = cluster.read_back(UNDO).ownership
    assert ownership is not None
    order = resumption(ownership.paused[0])
    metadata = state.objects[APPLICATION]["metadata"]
    # What the pause asked for has been answered.
    del metadata["annotations"]["argocd.argoproj.io/refresh"]
    state.objects[APPLICATION]["status"]["sync"]["revision"] = "3" * 40
    with pytest.raises(TransientActionError, match="was asked to look"):
        cluster.carry_out(order)
    assert state.objects[APPLICATION]["metadata"]["annotations"]["argocd.argoproj.io/refresh"] == "normal"
    status = state.objects[APPLICATION]["status"]
    status["reconciledAt"] = "2026-11-01T03:00:01Z"
    status["sync"] = {"status": "Unknown", "revision": ""}
    with pytest.raises(RefusedActionError, match="cannot tell what its source asks for"):
        cluster.carry_out(order)
    status["sync"] = {"status": "OutOfSync", "revision": "3" * 40}
    assert "goes on by itself again" in cluster.carry_out(order)
    assert state.objects[APPLICATION]["spec"]["syncPolicy"] == {"automated": {"selfHeal": True}}


def test_a_paused_owner_that_is_gone_has_nothing_to_be_put_back(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    paused = PausedSync(
        owner=OwnerKind.ARGO_CD,
        resource="Application",
        namespace="argocd",
        name="cart",
        revision=COMMIT,
        until=NOW,
    )
    assert cluster.read_back(resumption(paused)).is_done


def test_an_undo_keeps_what_tells_whose_the_object_is(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    tracked(state)
    application(state, {})
    marked(state, "annotations", example__note="of the bad one")
    ours = state.lists[REPLICA_SETS][0]["metadata"]["annotations"]
    ours |= {"example/note": "of the good one", "meta.helm.sh/release-name": "an owner that it had once"}
    cluster.carry_out(UNDO)
    notes = state.objects[DEPLOYMENT]["metadata"]["annotations"]
    assert notes == {
        "argocd.argoproj.io/tracking-id": "cart:apps/Deployment:shop/cart",
        "example/note": "of the good one",
    }


SOURCES: list[tuple[Json, Json, str]] = [
    ({"source": {"repoURL": "u", "targetRevision": "release"}}, {"revision": COMMIT}, ""),
    ({"sources": [{}]}, {"revisions": [COMMIT]}, "several sources"),
    ({"source": {"repoURL": "u", "chart": "cart"}}, {"revision": "1.2.0"}, "is a chart"),
    ({"source": {"repoURL": "u"}}, {"revision": "1.2.0"}, "is no commit"),
    ({"source": {"repoURL": "u", "targetRevision": COMMIT}}, {"revision": COMMIT}, "follows no branch"),
]


@pytest.mark.parametrize(("spec", "sync", "why_not"), SOURCES)
def test_a_source_is_reverted_only_where_it_follows_a_branch_of_git(
    api: KubernetesApi, spec: Json, sync: Json, why_not: str
) -> None:
    body = an_object("Application", "argoproj.io/v1alpha1", "argocd", "cart", spec, status={"sync": sync})
    found = Applications().source(api, "look", body)
    assert why_not in found.why_not
    assert bool(found.why_not) is bool(why_not)
    if not why_not:
        assert (found.branch, found.commit) == ("release", COMMIT)


def test_a_kustomization_names_the_repository_that_it_follows(
    state: ObjectServer, api: KubernetesApi
) -> None:
    reference = {"kind": "GitRepository", "name": "infra"}
    body = an_object(
        "Kustomization",
        "kustomize.toolkit.fluxcd.io/v1",
        "flux-system",
        "apps",
        {"sourceRef": reference, "path": "./clusters/prod"},
        status={"lastAttemptedRevision": f"main@sha1:{COMMIT}"},
    )
    place = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/infra"
    spec: Json = {"url": "ssh://git@git.example/shop/infra", "ref": {"branch": "main"}}
    state.objects[place] = an_object(
        "GitRepository", "source.toolkit.fluxcd.io/v1", "flux-system", "infra", spec
    )
    expected = Source(
        url="ssh://git@git.example/shop/infra", branch="main", commit=COMMIT, path="clusters/prod"
    )
    assert Kustomizations().source(api, "look", body) == expected
    spec["ref"] = {"tag": "v1"}
    assert "pinned by tag" in Kustomizations().source(api, "look", body).why_not
    assert HelmReleases().source(api, "look", body).why_not


def test_a_role_for_owners_is_asked_for_by_name_and_lies_where_they_do() -> None:
    plain = rules((CommandKind.UNDO,), (TargetKind.DEPLOYMENT,))
    assert {one.namespace for one in plain} == {""}
    more = rules((CommandKind.UNDO,), (TargetKind.DEPLOYMENT,), {OwnerKind.ARGO_CD: "argocd"})
    (added,) = (one for one in more if one not in plain)
    assert (added.name, added.verbs, added.namespace) == ("applications", ("get", "list", "patch"), "argocd")


@pytest.mark.parametrize(
    ("release", "namespace"),
    [("--help", "shop"), ("cart", "-n"), ("cart;rm", "shop"), ("", "shop"), ("cart", "")],
)
def test_a_name_that_is_none_never_reaches_helm(release: str, namespace: str, tmp_path: Any) -> None:
    program = tmp_path / "helm"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    with pytest.raises(PermanentActionError, match="is no name of a release"):
        Helm(program, {}).rollback("undo", release, 1, namespace)
    assert not (tmp_path / "started").exists()


def test_helm_gets_no_more_of_the_environment_than_it_needs_and_its_last_words_are_masked(
    tmp_path: Any,
) -> None:
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\nenv > $HOME/env\necho 'Error: token=hunter2hunter2' >&2\nexit 1\n")
    program.chmod(0o755)
    given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SUTURE_KEYS": "k1:secret"}
    with pytest.raises(PermanentActionError, match="helm rollback failed") as caught:
        Helm(program, given).rollback("undo", "cart", 1, "shop")
    assert "hunter2" not in str(caught.value)
    assert "SUTURE_KEYS" not in (tmp_path / "env").read_text()


def test_commands_beyond_the_bound_push_the_oldest_out_of_a_lease(
    state: ObjectServer, cluster: KubernetesTargets
) -> None:
    tracked(state)
    application(state, {"selfHeal": True})
    for number in range(40):
        state.objects[DEPLOYMENT]["spec"]["template"] = template("cart:2")
        cluster.carry_out(a_command(GOOD, BAD, target=UNDO.target, name=CommandId(f"c{number}")))
    note = json.loads(state.objects[APPLICATION]["metadata"]["annotations"][NOTE])
    assert len(note["quarantined"]) == 32
    assert "c39" in note["quarantined"]
