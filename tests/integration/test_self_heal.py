"""Undo of Deployments that somebody writes again from git: a real API server, reconcilers that heal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.errors import PermanentActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import DEPLOYMENTS
from infra.dev import shop_images
from infra.dev.cluster import Cluster
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    TemplateHash,
)
from schemas.orders import OutcomeKind
from schemas.verbs import OwnerKind
from tests.integration.gitops_site import (
    AUTOMATED,
    BAD,
    FIXED,
    GOOD,
    Site,
    by_flux,
    define,
    kustomization,
    until,
    with_self_heal,
)
from tests.integration.reconcilers import (
    Applying,
    ArgoCd,
    Flux,
    Json,
    a_deployment,
    acting,
    wait_rounds,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def site(gitops_cluster: Cluster, namespace: str) -> Site:
    return Site(gitops_cluster, namespace)


@pytest.fixture
def argo_cd(site: Site) -> ArgoCd:
    """An Application with self-heal whose git asks for the bad version."""
    return with_self_heal(site)


class DeadError(BaseException):
    """The executor was killed."""


class Dying(KubernetesApi):
    """Dies before its first real write to a Deployment."""

    def patch(self, *arguments: Any, **named: Any) -> Json:
        if arguments[1] == DEPLOYMENTS and not named.get("is_rehearsal"):
            raise DeadError
        return super().patch(*arguments, **named)


def test_a_bad_version_stays_out_under_self_heal_until_git_moves_on(site: Site, argo_cd: ArgoCd) -> None:
    with acting(argo_cd):
        before = site.changes()
        outcome = site.execute(site.undo())
        assert outcome.kind is OutcomeKind.DONE, outcome.detail
        settled = site.settled(before)
        wait_rounds(argo_cd, 10)
        assert site.image() == shop_images.PAUSE
        assert site.changes() == settled
        assert site.automated() == {**AUTOMATED, "enabled": False}

        ownership = outcome.ownership
        assert ownership is not None
        assert (ownership.owner, ownership.name) == (OwnerKind.ARGO_CD, f"Application {site.namespace}/shop")
        assert BAD in ownership.drift
        (paused,) = ownership.paused
        assert (paused.resource, paused.name, paused.revision) == ("Application", "shop", BAD)

        # The lease ends while git still asks for the bad version: nothing goes on.
        refused = site.execute(site.resumption(paused))
        assert refused.kind is OutcomeKind.REFUSED
        assert f"still asks for revision {BAD}" in refused.detail
        wait_rounds(argo_cd, 5)
        assert site.image() == shop_images.PAUSE

        site.git.commit(FIXED, a_deployment(site.namespace, shop_images.SHOP_V2, **site.tracked()))
        ended = site.execute(site.resumption(paused, look=2))
        assert ended.kind is OutcomeKind.DONE, ended.detail
        assert site.automated() == AUTOMATED
        assert site.note("application/shop") == ""
        until(lambda: site.image() == shop_images.SHOP_V2)
        assert site.changes() == settled + 1

        again = site.execute(site.resumption(paused, look=3))
        assert again.kind is OutcomeKind.ALREADY_DONE
        assert site.automated() == AUTOMATED


def test_an_executor_killed_between_pause_and_undo_leaves_what_its_successor_finishes(
    site: Site, argo_cd: ArgoCd
) -> None:
    with acting(argo_cd):
        before, command = site.changes(), site.undo()
        with pytest.raises(DeadError):
            site.execute(command, Dying.connect(site.cluster.kubeconfig))
        note = site.note("application/shop")
        assert command.id in note
        outcome = site.execute(command)
        assert outcome.kind is OutcomeKind.DONE, outcome.detail
        repeated = site.execute(command)
        assert repeated.kind is OutcomeKind.ALREADY_DONE
        assert repeated.ownership == outcome.ownership
        assert site.note("application/shop") == note
        settled = site.settled(before)
        wait_rounds(argo_cd, 5)
        assert site.changes() == settled
        assert json.loads(note)["lifted"] == {"spec": {"syncPolicy": {"automated": {"enabled": None}}}}


def test_a_refused_undo_leaves_the_owner_alone(site: Site, argo_cd: ArgoCd) -> None:
    outcome = site.execute(site.undo(expected_template=TemplateHash("another")))
    assert outcome.kind is OutcomeKind.REFUSED
    assert site.automated() == AUTOMATED
    assert site.note("application/shop") == ""


def test_a_rehearsal_pauses_nobody(site: Site, argo_cd: ArgoCd) -> None:
    outcome = site.execute(site.undo(is_rehearsal=True))
    assert outcome.kind is OutcomeKind.REHEARSED, outcome.detail
    assert f"Application {site.namespace}/shop paused until" in outcome.detail
    assert site.automated() == AUTOMATED
    assert site.image() == shop_images.SHOP_V1


def test_a_human_who_ends_the_pause_first_wins(site: Site, argo_cd: ArgoCd) -> None:
    outcome = site.execute(site.undo())
    assert outcome.ownership is not None
    (paused,) = outcome.ownership.paused
    theirs = {"spec": {"syncPolicy": {"automated": {"enabled": True, "selfHeal": False}}}}
    argo_cd.patch("application", "shop", theirs)
    site.git.head = GOOD
    with acting(argo_cd):
        ended = site.execute(site.resumption(paused))
    assert ended.kind is OutcomeKind.DONE, ended.detail
    assert "somebody changed the pause meanwhile" in ended.detail
    assert site.automated() == {"prune": True, "enabled": True, "selfHeal": False}
    assert site.note("application/shop") == ""


@pytest.fixture
def older_argo_cd(gitops_cluster: Cluster, contracts: Path) -> Iterator[None]:
    """Applications as before version 3.1, which knew no `enabled`."""
    definition = yaml.safe_load((contracts / "argo-cd/application-crd.yaml").read_text())
    older = json.loads(json.dumps(definition))
    schema = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del schema["properties"]["syncPolicy"]["properties"]["automated"]["properties"]["enabled"]
    define(gitops_cluster, older)
    yield
    define(gitops_cluster, definition)


def test_an_older_argo_cd_is_paused_and_given_back_what_it_had(
    older_argo_cd: None, site: Site, argo_cd: ArgoCd
) -> None:
    def is_unknown() -> bool:
        body = json.dumps({"spec": {"syncPolicy": {"automated": {"enabled": True}}}})
        tried = ("patch", "application/shop", "--type=merge", "--dry-run=server", "-o=json")
        return (
            "enabled"
            not in json.loads(site.kubectl(*tried, f"--patch={body}"))["spec"]["syncPolicy"]["automated"]
        )

    until(is_unknown)
    with acting(argo_cd):
        outcome = site.execute(site.undo())
        assert outcome.kind is OutcomeKind.DONE, outcome.detail
        assert site.automated() is None
        wait_rounds(argo_cd, 5)
        assert site.image() == shop_images.PAUSE
        assert outcome.ownership is not None
        site.git.head = GOOD
        ended = site.execute(site.resumption(outcome.ownership.paused[0]))
    assert ended.kind is OutcomeKind.DONE, ended.detail
    assert site.automated() == AUTOMATED


def test_two_undos_share_one_pause_and_the_first_lease_ends_neither(site: Site, argo_cd: ArgoCd) -> None:
    first = site.execute(site.undo())
    assert first.ownership is not None
    site.git.commit(FIXED, site.git.commits[BAD])
    argo_cd.sync(site.get("application/shop"), FIXED)
    second = site.execute(site.undo(id=CommandId("another"), expected_template=NO_TEMPLATE))
    assert second.kind is OutcomeKind.DONE, second.detail
    assert second.ownership is not None
    with acting(argo_cd):
        ended = site.execute(site.resumption(first.ownership.paused[0]))
    assert ended.kind is OutcomeKind.REFUSED, ended.detail


@pytest.mark.parametrize(
    ("by", "metadata"),
    [
        (
            "ApplicationSet shops",
            {
                "ownerReferences": [
                    {
                        "apiVersion": "argoproj.io/v1alpha1",
                        "kind": "ApplicationSet",
                        "name": "shops",
                        "uid": "u1",
                    }
                ]
            },
        ),
        ("Kustomization", {"labels": {"kustomize.toolkit.fluxcd.io/name": "all"}}),
    ],
    ids=["applicationset", "flux"],
)
def test_an_owned_application_is_handed_over(site: Site, by: str, metadata: Json) -> None:
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    site.release(reconciler, **site.tracked())
    kustomization(site, "all")
    site.application(AUTOMATED, **metadata)
    reconciler.once()
    before = site.get("application/shop")["metadata"]["resourceVersion"]
    outcome = site.execute(site.undo())
    assert outcome.kind is OutcomeKind.HANDED_OVER, outcome.detail
    assert by in outcome.detail
    assert BAD in outcome.detail
    assert site.image() == shop_images.SHOP_V1
    assert site.get("application/shop")["metadata"]["resourceVersion"] == before


def test_an_application_of_applications_is_handed_over(site: Site) -> None:
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    site.release(reconciler, **site.tracked())
    name = f"root:argoproj.io/Application:{site.namespace}/shop"
    site.application(AUTOMATED, annotations={"argocd.argoproj.io/tracking-id": name})
    root = {**site.get("application/shop"), "metadata": {"name": "root", "namespace": site.namespace}}
    site.cluster.apply(root)
    outcome = site.execute(site.undo())
    assert outcome.kind is OutcomeKind.HANDED_OVER, outcome.detail
    assert f"Application {site.namespace}/root would take a pause" in outcome.detail
    assert site.automated() == AUTOMATED


def test_an_application_that_waits_for_people_is_left_alone_and_the_drift_is_said(site: Site) -> None:
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    site.release(reconciler, **site.tracked())
    site.application(None)
    reconciler.once()
    outcome = site.execute(site.undo())
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert outcome.ownership is not None
    assert outcome.ownership.paused == ()
    assert BAD in outcome.ownership.drift
    assert site.note("application/shop") == ""


def test_the_instance_label_counts_only_where_the_application_lists_the_object(site: Site) -> None:
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    site.release(reconciler, labels={"app.kubernetes.io/instance": "shop"})
    site.application(AUTOMATED)
    unlisted = site.execute(site.undo(is_rehearsal=True))
    assert "paused" not in unlisted.detail
    reconciler.once()
    listed = site.execute(site.undo(is_rehearsal=True))
    assert f"Application {site.namespace}/shop paused" in listed.detail


def test_a_copy_with_another_objects_tracking_id_is_nobodys(site: Site) -> None:
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    name = f"{site.namespace}_shop:apps/Deployment:{site.namespace}/origin"
    site.release(reconciler, annotations={"argocd.argoproj.io/tracking-id": name})
    site.application(AUTOMATED)
    outcome = site.execute(site.undo())
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert outcome.ownership is not None
    assert outcome.ownership.owner is OwnerKind.NOBODY
    assert site.automated() == AUTOMATED


def test_under_flux_the_kustomization_and_its_parent_are_suspended_until_git_moves_on(site: Site) -> None:
    kustomization(site, "all")
    child = kustomization(site, "shop", labels=by_flux(site, "all"))
    source = {"url": "https://git.example/infra", "ref": {"branch": "main"}}
    site.cluster.apply(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "infra", "namespace": site.namespace},
            "spec": source,
        }
    )
    flux = Flux(site.cluster, site.namespace, site.git, child)
    site.release(flux, labels=by_flux(site, "shop"))
    flux.once()
    api = site.narrow(OwnerKind.FLUX)
    with acting(flux):
        before = site.changes()
        outcome = site.execute(site.undo(), api)
        assert outcome.kind is OutcomeKind.DONE, outcome.detail
        settled = site.settled(before)
        wait_rounds(flux, 8)
        assert site.image() == shop_images.PAUSE
        assert site.changes() == settled
        assert outcome.ownership is not None
        paused = outcome.ownership.paused
        assert [one.name for one in paused] == ["all", "shop"]
        assert {one.revision for one in paused} == {f"main@sha1:{BAD}"}
        for one in paused:
            managers = site.get(f"kustomization/{one.name}")["metadata"]["managedFields"]
            owners = {
                entry["manager"] for entry in managers if "f:suspend" in entry["fieldsV1"].get("f:spec", {})
            }
            assert owners == {"flux-client-side-apply"}
        refused = site.execute(site.resumption(paused[0]), api)
        assert refused.kind is OutcomeKind.REFUSED, refused.detail

        site.git.commit(
            FIXED, a_deployment(site.namespace, shop_images.SHOP_V2, labels=by_flux(site, "shop"))
        )
        wait_rounds(flux, 2)
        for one in paused:
            ended = site.execute(site.resumption(one, look=2), api)
            assert ended.kind is OutcomeKind.DONE, ended.detail
        until(lambda: site.image() == shop_images.SHOP_V2)
        assert site.changes() == settled + 1
        assert "suspend" not in site.get("kustomization/all")["spec"]


def test_what_writes_again_without_a_trace_is_fought_for_one_round(site: Site) -> None:
    unknown = Applying(site.cluster, site.namespace, site.git)
    site.release(unknown)
    with acting(unknown):
        before, command = site.changes(), site.undo()
        outcome = site.execute(command)
        until(lambda: site.image() == shop_images.SHOP_V1)
        wait_rounds(unknown, 5)
        # Once there and once back; whoever is paged decides what comes next.
        assert site.changes() == before + 2
    if outcome.kind is not OutcomeKind.DONE:
        assert outcome.kind is OutcomeKind.FAILED
        assert "somebody changed" in outcome.detail


def test_the_role_that_is_printed_is_enough_and_without_argo_cds_part_the_undo_says_what_it_lacks(
    site: Site, argo_cd: ArgoCd
) -> None:
    lacking = site.execute(site.undo(), site.narrow(OwnerKind.HELM))
    assert lacking.kind is OutcomeKind.FAILED
    assert 'cannot get resource "applications"' in lacking.detail
    assert site.image() == shop_images.SHOP_V1
    api = site.narrow(OwnerKind.ARGO_CD)
    outcome = site.execute(site.undo(id=CommandId("again")), api)
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert outcome.ownership is not None
    site.git.head = GOOD
    with acting(argo_cd):
        ended = site.execute(site.resumption(outcome.ownership.paused[0]), api)
    assert ended.kind is OutcomeKind.DONE, ended.detail


def test_a_server_that_fails_after_the_pause_leaves_it_in_the_outcome(site: Site, argo_cd: ArgoCd) -> None:
    class Failing(KubernetesApi):
        """Takes no write to a Deployment, and forgets that it said so."""

        def patch(self, *arguments: Any, **named: Any) -> Json:
            if arguments[1] == DEPLOYMENTS and not named.get("is_rehearsal"):
                raise PermanentActionError("the server is out of order")
            return super().patch(*arguments, **named)

    outcome = site.execute(site.undo(), Failing.connect(site.cluster.kubeconfig))
    assert outcome.kind is OutcomeKind.FAILED
    # Nothing was changed, so the owner goes on.
    assert site.automated() == AUTOMATED
    assert outcome.ownership is not None
    assert outcome.ownership.paused == ()
