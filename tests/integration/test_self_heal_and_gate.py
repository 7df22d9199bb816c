"""From an undo under self-heal to the end of its lease: the gate, an executor and a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.dev import shop_images
from infra.dev.cluster import Cluster
from schemas.observations import OutcomeReported
from schemas.orders import Command, CommandKind, OutcomeKind
from tests.builders import NEW
from tests.integration.gitops_site import FIXED, Site, present, until, with_self_heal
from tests.integration.reconcilers import a_deployment, acting, wait_rounds
from tests.streams.failing_site import Site as Environment
from tests.streams.failing_site import a_failure, released
from tests.streams.world import ENVIRONMENTS

pytestmark = pytest.mark.integration

LEASE_S = 30 * 60


@pytest.fixture
def site(gitops_cluster: Cluster, namespace: str) -> Site:
    return Site(gitops_cluster, namespace)


def newest(environment: Environment) -> str:
    return environment.commands[-1].kind.value


def carried_out(site: Site, environment: Environment, seconds: float) -> OutcomeKind:
    """Carry the gate's newest order out on the cluster, and report it in the gate's own time."""
    order = environment.commands[-1]
    at = present()
    here: Command = replace(
        order, target=site.undo().target, issued_at=at, expires_at=at + timedelta(minutes=5)
    )
    if order.kind is CommandKind.UNDO:
        here = replace(here, template=site.good, expected_template=site.bad)
    outcome = site.execute(here)
    reported = order.issued_at + timedelta(seconds=seconds)
    ownership = outcome.ownership
    if ownership is not None:
        until_then = reported + timedelta(seconds=LEASE_S)
        paused = tuple(replace(one, until=until_then) for one in ownership.paused)
        ownership = replace(ownership, paused=paused)
    told = replace(outcome, target=order.target, started_at=reported, at=reported, ownership=ownership)
    environment.heard += environment.world.put("dev", OutcomeReported(outcome=told), ENVIRONMENTS)
    return outcome.kind


def test_a_human_is_paged_once_while_git_is_wrong_and_the_lease_ends_when_it_is_not(site: Site) -> None:
    reconciler = with_self_heal(site)
    environment = Environment()
    released(environment)
    environment.see(a_failure(template=NEW))
    environment.tick(25)
    with acting(reconciler):
        assert newest(environment) == "undo"
        assert carried_out(site, environment, 5) is OutcomeKind.DONE
        settled = site.changes()

        for number in (1, 2):
            environment.tick(60 + number * (LEASE_S + 60))
            assert newest(environment) == "resume_sync"
            assert carried_out(site, environment, 5) is OutcomeKind.REFUSED
        wait_rounds(reconciler, 5)
        assert site.image() == shop_images.PAUSE
        assert site.changes() == settled
        (page,) = [one for one in environment.pages if "stays paused" in one.summary]
        assert "still asks for revision" in page.summary

        site.git.commit(FIXED, a_deployment(site.namespace, shop_images.SHOP_V2, **site.tracked()))
        environment.tick(60 + 3 * (LEASE_S + 60))
        assert carried_out(site, environment, 5) is OutcomeKind.DONE
        until(lambda: site.image() == shop_images.SHOP_V2)
        assert site.changes() == settled + 1
    environment.tick(60 + 9 * (LEASE_S + 60))
    resumptions = [one for one in environment.commands if one.kind is CommandKind.RESUME_SYNC]
    assert len(resumptions) == 3
