"""When a deploy began: what a sender's broken clock says is refused, not believed."""

from datetime import UTC, datetime

import pytest

from schemas.cdevents import deploy_event, read_deploy
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName


@pytest.mark.parametrize("year", [1, 1970, 1999, 2200, 9999])
def test_a_deploy_at_a_time_that_nobody_meant_is_refused(year: int) -> None:
    event = deploy_event(
        service=ServiceName("cart"),
        version="2",
        environment=EnvironmentName("prod"),
        at=datetime(year, 1, 1, tzinfo=UTC),
    )
    with pytest.raises(SchemaError, match=r"context\.timestamp is absurd"):
        read_deploy(event)
