import pytest

from actions.errors import NotAllowedActionError
from actions.kubernetes_api import _explained


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_allowed_may_be_asking_a_server_that_has_just_started(status: int) -> None:
    assert isinstance(_explained("look", status, b"{}", {}), NotAllowedActionError)
