"""Datadog is told of deployments, their failure, their rollback and the recovery, each thing once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from actions.datadog_bodies import deployment, deployment_id, rollback_id
from actions.errors import PermanentActionError, TransientActionError
from schemas.cdevents_form import Background
from schemas.judgements import RecoveryKind, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import ReleaseOpened
from schemas.orders import OutcomeKind
from streams.sink_datadog import DatadogSink
from tests.actions.small_server import SmallServer, served
from tests.streams.datadog_server import APPLICATION_KEY, KEY, DatadogServer, require
from tests.told_effects import (
    LOG_LINE,
    RELEASE,
    a_command,
    a_recovery,
    a_story,
    a_verdict,
    an_effect,
    an_undo,
)

VERDICT = a_verdict().verdict
KNOWN = Background(release=RELEASE, harm=VERDICT.id, harmed_at=VERDICT.first_bad_at)
DEPLOYED, UNDONE = deployment_id(RELEASE.id), rollback_id(a_command().id)


class Site:
    """Datadog and the sink that tells it."""

    def __init__(self, address: str, small: SmallServer, datadog: DatadogServer) -> None:
        self.address, self.small, self.datadog = address, small, datadog

    def sink(
        self, key: str = KEY, application_key: str = APPLICATION_KEY, known: Background = KNOWN
    ) -> DatadogSink:
        def background(_: ReleaseId) -> Background:
            return known

        return DatadogSink(self.address, key, application_key, background)


@pytest.fixture
def site() -> Iterator[Site]:
    datadog = DatadogServer()
    small = SmallServer(datadog)
    with served(small) as address:
        yield Site(address, small, datadog)


def test_a_release_is_a_deployment_from_its_first_moment(site: Site) -> None:
    site.sink().take(an_effect(ReleaseOpened(release=RELEASE), 1))
    (told,) = site.datadog.deployments.values()
    assert told["id"] == DEPLOYED
    assert (told["service"], told["env"], told["version"]) == ("cart", "prod", "1.4.2")
    assert told["started_at"] == told["finished_at"] == 1772366400000


def test_a_story_marks_the_deployment_as_failed_and_links_the_rollback_that_remedied_it(site: Site) -> None:
    sink = site.sink()
    for effect in a_story():
        sink.take(effect)
    assert set(site.datadog.deployments) == {DEPLOYED, UNDONE}
    assert site.datadog.patches == {
        DEPLOYED: {"change_failure": True, "remediation": {"id": UNDONE, "type": "rollback"}}
    }
    (failure,) = site.datadog.failures.values()
    assert failure["started_at"] == 1772366400000 + 2 * 60_000
    assert failure["finished_at"] == 1772366400000 + 8 * 60_000
    (event,) = site.datadog.events
    assert event["aggregation_key"] == UNDONE


def test_what_is_told_again_is_the_same_deployment_and_the_same_incident(site: Site) -> None:
    sink = site.sink()
    for effect in a_story() + a_story(offset=50):
        sink.take(effect)
    assert len(site.datadog.deployments) == 2
    assert len(site.datadog.failures) == 1


def test_without_an_application_key_nothing_is_told_that_needs_one(site: Site) -> None:
    sink = site.sink(application_key="")
    for effect in a_story():
        sink.take(effect)
    assert set(site.datadog.deployments) == {DEPLOYED, UNDONE}
    assert not site.datadog.patches
    assert not site.datadog.events
    assert all(request.path.startswith("/api/v2/dora/") for request in site.small.requests)


@pytest.mark.parametrize(
    "said",
    [
        a_verdict(VerdictKind.HEALTHY),
        a_verdict(VerdictKind.INCONCLUSIVE),
        an_undo(kind=OutcomeKind.FAILED),
        a_recovery(kind=RecoveryKind.WORSE),
    ],
    ids=["healthy", "inconclusive", "failed undo", "worse"],
)
def test_what_is_neither_harm_nor_its_end_is_not_told(
    site: Site, said: VerdictKind | OutcomeKind | RecoveryKind
) -> None:
    site.sink().take(an_effect(said, 1))  # type: ignore[arg-type]  # the parameters' types are joined
    assert not site.small.requests


def test_a_recovery_of_a_release_that_is_not_known_ends_no_incident(site: Site) -> None:
    site.sink(known=Background()).take(an_effect(a_recovery(), 1))
    assert not site.small.requests


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_refused_key_and_a_server_in_trouble_are_waited_for(site: Site, status: int) -> None:
    site.datadog.refuse = status
    with pytest.raises(TransientActionError) as error:
        site.sink().take(an_effect(ReleaseOpened(release=RELEASE), 1))
    assert KEY not in str(error.value)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_request_that_is_refused_for_what_it_says_is_set_aside(site: Site, status: int) -> None:
    site.datadog.refuse = status
    with pytest.raises(PermanentActionError, match=str(status)) as error:
        site.sink().take(an_effect(ReleaseOpened(release=RELEASE), 1))
    assert KEY not in str(error.value)


def test_datadog_never_sees_a_line_of_a_log(site: Site) -> None:
    sink = site.sink()
    for effect in a_story():
        sink.take(effect)
    assert LOG_LINE not in json.dumps([request.body for request in site.small.requests])


def test_the_oracle_refuses_a_field_that_datadog_does_not_know() -> None:
    from datadog_api_client.v2.model.dora_deployment_request import DORADeploymentRequest

    body = deployment(RELEASE)
    require(body, DORADeploymentRequest)
    body["data"]["attributes"]["environment"] = "prod"
    with pytest.raises(AssertionError, match="environment is no field"):
        require(body, DORADeploymentRequest)
