"""The gate's look at the journal before a build, wherever the journal lies: in a folder or in a bucket."""

from datetime import timedelta
from pathlib import Path

from schemas.keys import EnvironmentName, ServiceName
from schemas.models import ModelStage
from schemas.quality import Record
from streams.release_records import read_records, read_risk
from tests.feature_store.models_told import a_change
from tests.feature_store.risk_log import a_history, write_said
from tests.feature_store.script import START

PROD, CART = EnvironmentName("prod"), ServiceName("cart")
AT = START + timedelta(days=20)


def test_the_champion_and_the_service_s_record_are_found(place: Path) -> None:
    champion = a_change("risk-1", ModelStage.CHAMPION)
    write_said(place, [*a_history(30).said, champion])
    found, features = read_risk(place, PROD, CART, "9.0", "ada", AT)
    assert found is not None
    assert (found.used, found.risk) == ("risk-1", champion.risk)
    assert "service_rate" in features
    of_service, of_author = read_records(place, PROD, CART, ["1.0"])
    assert (of_service.releases, of_author.releases) == (10, 1)


def test_without_a_journal_nothing_is_known(place: Path) -> None:
    assert read_risk(place, PROD, CART, "9.0", "ada", AT) == (None, {})
    assert read_records(place, PROD, CART, []) == (Record(), Record())
