"""Grafana shows a release as an annotation, its harm as another, and its rollback as a region, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from actions.errors import PermanentActionError, TransientActionError
from schemas.cdevents_form import Addresses, Background
from schemas.instants import to_ms
from schemas.keys import ReleaseId
from schemas.observations import ReleaseOpened
from streams.sink_grafana import GrafanaSink
from tests.actions.small_server import Reply, SmallServer, served
from tests.builders import minute
from tests.streams.grafana_server import TOKEN, Grafana
from tests.told_effects import LOG_LINE, RELEASE, a_story, an_effect, an_undo


class Site:
    """Grafana and the sink that tells it."""

    def __init__(self, address: str, small: SmallServer, grafana: Grafana) -> None:
        self.address, self.small, self.grafana = address, small, grafana

    def sink(self, token: str = TOKEN, known: Background | None = None) -> GrafanaSink:
        found = Background(release=RELEASE) if known is None else known

        def background(_: ReleaseId) -> Background:
            return found

        pages = Addresses(release="https://suture.example/releases/{release}")
        return GrafanaSink(self.address, token, background, pages)


@pytest.fixture
def site() -> Iterator[Site]:
    grafana = Grafana()
    small = SmallServer(grafana)
    with served(small) as address:
        yield Site(address, small, grafana)


def test_a_story_is_a_mark_at_the_deploy_a_mark_at_the_harm_and_a_region_upto_the_rollback(
    site: Site,
) -> None:
    sink = site.sink()
    for effect in a_story():
        sink.take(effect)
    deploy, harm, region = site.grafana.annotations
    assert deploy["time"] == to_ms(RELEASE.started_at)
    assert "timeEnd" not in deploy
    assert harm["time"] == to_ms(minute(5))
    assert (region["time"], region["timeEnd"]) == (to_ms(RELEASE.started_at), to_ms(minute(7)))
    for one in (deploy, harm, region):
        assert {"suture", "service:cart", "environment:prod", "version:1.4.2"} <= set(one["tags"])
        assert "https://suture.example/releases/prod-cart-1.4.2-92ab94fd" in one["text"]


def test_what_is_told_again_is_found_and_not_written_again(site: Site) -> None:
    for _ in range(2):
        sink = site.sink()
        for effect in a_story():
            sink.take(effect)
    assert len(site.grafana.annotations) == 3


def test_an_annotation_whose_answer_was_lost_is_not_written_twice(site: Site) -> None:
    site.grafana.loses_answers = True
    effect = an_effect(ReleaseOpened(release=RELEASE), 1)
    with pytest.raises(TransientActionError):
        site.sink().take(effect)
    site.grafana.loses_answers = False
    site.sink().take(effect)
    assert len(site.grafana.annotations) == 1


def test_a_rollback_of_a_release_that_is_not_known_has_no_region(site: Site) -> None:
    site.sink(known=Background()).take(an_effect(an_undo(), 1))
    assert not site.small.requests


def test_a_token_that_is_refused_is_waited_for_and_not_repeated_in_the_error(site: Site) -> None:
    with pytest.raises(TransientActionError) as error:
        site.sink(token="glsa_wrong").take(an_effect(ReleaseOpened(release=RELEASE), 1))
    assert "glsa" not in str(error.value)


def test_an_annotation_that_is_refused_for_what_it_says_is_set_aside(site: Site) -> None:
    site.grafana.refuse = 400
    with pytest.raises(PermanentActionError, match="400"):
        site.sink().take(an_effect(ReleaseOpened(release=RELEASE), 1))


def test_a_server_that_is_no_grafana_is_not_taken_for_one(site: Site) -> None:
    site.small.next = [Reply(200, {"status": "ok"})]
    with pytest.raises(TransientActionError, match="is this Grafana's address"):
        site.sink().take(an_effect(ReleaseOpened(release=RELEASE), 1))


def test_grafana_never_sees_a_line_of_a_log(site: Site) -> None:
    sink = site.sink()
    for effect in a_story():
        sink.take(effect)
    assert LOG_LINE not in json.dumps(site.grafana.annotations)
