"""The gateway as Kayenta's remote judge, held against the request and answer of Kayenta's classes."""

import asyncio
import copy
import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import SchemaError
from streams.gateway import create_app
from streams.kayenta_judging import judge
from tests.streams.gateway_socket import Nowhere, serving

# The form of contracts/authored/kayenta-judge-request.json and -response.json.
PAIR: dict[str, Any] = {
    "name": "error_ratio",
    "id": "c6b5b3b2-0000-4000-8000-000000000001",
    "tags": {"zone": "a"},
    "values": {
        "control": [0.01, 0.012, "NaN", 0.011, 0.013, 0.009, 0.01, 0.011],
        "experiment": [0.09, 0.11, 0.1, 0.12, 0.1, 0.11, 0.09, "NaN"],
    },
    "scopes": {
        side: {"startTimeIso": "2026-01-01T00:00:00Z", "startTimeMillis": 1767225600000, "stepMillis": 60000}
        for side in ("control", "experiment")
    },
    "attributes": {"control": {"query": "..."}, "experiment": {"query": "..."}},
}
REQUEST: dict[str, Any] = {
    "canaryConfig": {
        "name": "cart",
        "configVersion": "1",
        "applications": ["shop"],
        "judge": {"name": "RemoteJudge-v1.0", "judgeConfigurations": {}},
        "metrics": [
            {
                "name": "error_ratio",
                "query": {"type": "prometheus", "metricName": "http_errors_ratio", "labelBindings": []},
                "groups": ["errors"],
                "analysisConfigurations": {
                    "canary": {"direction": "increase", "critical": True, "nanStrategy": "remove"}
                },
                "scopeName": "default",
            }
        ],
        "classifier": {"groupWeights": {"errors": 100.0}},
        "templates": {},
    },
    "scoreThresholds": {"pass": 75.0, "marginal": 50.0},
    "metricSetPairList": [PAIR],
}
RESULT_KEYS = {
    "name",
    "id",
    "tags",
    "classification",
    "classificationReason",
    "groups",
    "experimentMetadata",
    "controlMetadata",
    "resultMetadata",
    "critical",
    "muted",
}


def asked(change: Callable[[dict[str, Any]], object] = lambda _: None) -> dict[str, Any]:
    request = copy.deepcopy(REQUEST)
    change(request)
    return request


def answered(request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(judge(json.dumps(request).encode()))
    return answer


def analysis(request: dict[str, Any], **more: Any) -> None:
    request["canaryConfig"]["metrics"][0]["analysisConfigurations"]["canary"].update(more)


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(nulls(one) for one in value.values())
    if isinstance(value, list):
        return any(nulls(one) for one in value)
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def test_a_critical_metric_that_rose_fails_the_canary() -> None:
    answer = answered(asked())
    (result,) = answer["results"]
    assert set(answer) == {"judgeName", "results", "groupScores", "score"}
    assert set(result) == RESULT_KEYS
    assert not nulls(answer)
    assert answer["judgeName"] == "RemoteJudge-v1.0"
    assert (result["id"], result["tags"], result["groups"]) == (PAIR["id"], {"zone": "a"}, ["errors"])
    assert (result["classification"], result["critical"], result["muted"]) == ("High", True, False)
    assert result["controlMetadata"]["stats"]["count"] == 7
    assert result["experimentMetadata"]["stats"]["mean"] == pytest.approx(0.72 / 7)
    assert answer["groupScores"] == [
        {"name": "errors", "score": 0.0, "classification": "", "classificationReason": ""}
    ]
    assert (answer["score"]["score"], answer["score"]["classification"]) == (0.0, "Fail")
    assert "error_ratio" in answer["score"]["classificationReason"]


def test_a_metric_that_moved_the_good_way_or_not_passes() -> None:
    for change in (
        lambda request: analysis(request, direction="decrease"),
        lambda request: request["metricSetPairList"][0]["values"].update(
            experiment=request["metricSetPairList"][0]["values"]["control"]
        ),
    ):
        answer = answered(asked(change))
        assert answer["results"][0]["classification"] == "Pass"
        assert (answer["score"]["score"], answer["score"]["classification"]) == (100.0, "Pass")


def test_a_metric_fails_only_where_its_effect_reaches_the_limit() -> None:
    answer = answered(asked(lambda request: analysis(request, critical=False)))
    assert answer["results"][0]["classification"] == "High"
    allowed = {"measure": "meanRatio", "allowedIncrease": 20.0}
    answer = answered(asked(lambda request: analysis(request, critical=False, effectSize=allowed)))
    assert answer["results"][0]["classification"] == "Pass"


def test_a_muted_metric_is_shown_and_not_scored() -> None:
    answer = answered(asked(lambda request: analysis(request, muted=True)))
    assert (answer["results"][0]["classification"], answer["results"][0]["muted"]) == ("High", True)
    assert (answer["score"]["classification"], answer["groupScores"]) == ("Nodata", [])


@pytest.mark.parametrize(
    ("settings_", "classified", "score"),
    [
        ({"critical": True}, "Nodata", "Fail"),
        ({"critical": False}, "Nodata", "Nodata"),
        ({"critical": False, "mustHaveData": True}, "Nodata", "Fail"),
        ({"critical": False, "nanStrategy": "replace"}, "Pass", "Pass"),
    ],
)
def test_a_canary_without_data_is_what_its_configuration_makes_of_it(
    settings_: dict[str, Any], classified: str, score: str
) -> None:
    def change(request: dict[str, Any]) -> None:
        analysis(request, **settings_)
        request["metricSetPairList"][0]["values"]["experiment"] = ["NaN", "NaN"]

    answer = answered(asked(change))
    assert answer["results"][0]["classification"] == classified
    assert answer["results"][0]["experimentMetadata"] == {"stats": {"count": 0}}
    assert answer["score"]["classification"] == score


def test_what_kayenta_leaves_null_has_its_default() -> None:
    def change(request: dict[str, Any]) -> None:
        request["canaryConfig"].update(judge=None, classifier=None)
        request["canaryConfig"]["metrics"][0].update(groups=None, analysisConfigurations=None)
        request["metricSetPairList"][0].update(tags=None, scopes=None, attributes=None)

    answer = answered(asked(change))
    assert not nulls(answer)
    assert (answer["results"][0]["classification"], answer["results"][0]["tags"]) == ("High", {})


readings = st.lists(
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["NaN", 0.0, 1])), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(readings, readings), max_size=4))
def test_every_pair_has_one_result_under_its_id_and_no_key_is_null(
    pairs: list[tuple[list[Any], list[Any]]],
) -> None:
    listed = [
        {**PAIR, "id": str(place), "values": {"control": control, "experiment": experiment}}
        for place, (control, experiment) in enumerate(pairs)
    ]
    answer = answered(asked(lambda request: request.update(metricSetPairList=listed)))
    assert [result["id"] for result in answer["results"]] == [str(place) for place in range(len(pairs))]
    assert not nulls(answer)
    assert 0 <= answer["score"]["score"] <= 100


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda request: request.pop("canaryConfig"), "canaryConfig"),
        (lambda request: request.update(scoreThresholds=None), "scoreThresholds"),
        (lambda request: analysis(request, direction="sideways"), "direction"),
        (lambda request: request["metricSetPairList"][0].pop("id"), "id"),
        (lambda request: request["metricSetPairList"][0].update(name="other"), "canaryConfig.metrics lacks"),
        (
            lambda request: request["metricSetPairList"][0]["values"].update(control=["many"]),
            'expected a number or "NaN"',
        ),
        (
            lambda request: request["metricSetPairList"][0]["values"].update(
                control=[1.0] * 4000, experiment=[1.0] * 4000
            ),
            "16000000 comparisons",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(
    change: Callable[[dict[str, Any]], object], why: str
) -> None:
    with pytest.raises(SchemaError, match=why):
        answered(asked(change))


def test_over_the_wire_it_is_answered_and_refused() -> None:
    with serving() as gateway:
        right = httpx.post(f"{gateway.url}/judge", json=REQUEST, timeout=60)
        wrong = httpx.post(f"{gateway.url}/judge", content=b"{", timeout=60)
    assert (right.status_code, right.json()["score"]["classification"]) == (200, "Fail")
    assert right.headers["content-type"] == "application/json"
    assert (wrong.status_code, list(wrong.json())) == (400, ["error"])


def test_a_body_beyond_the_bound_is_refused() -> None:
    async def ask() -> int:
        transport = httpx.ASGITransport(app=create_app(Nowhere(), max_body_bytes=100))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return (await client.post("/judge", json=REQUEST)).status_code

    assert asyncio.run(ask()) == 413
