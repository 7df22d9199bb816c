"""Requests that tell another system of something: what its answer means for who tells.

A credential that is refused is somebody's mistake and will be mended: what is told waits for it. A request
that is refused for what it says will be refused again.
"""

from typing import Any

from actions.errors import PermanentActionError, TransientActionError
from actions.http_door import Answer, HttpDoor

TIMEOUT_S = 15.0

_CREDENTIAL = (401, 403)
_LATER = (408, 425)


def tell(door: HttpDoor, what: str, method: str, url: str, body: Any = None) -> Any:
    """Return the JSON of an answer that says it is done; None where it holds none.

    Args:
        door: To the server, with its credential.
        what: What is told, for errors: names and ids, no content.
        method: HTTP's.
        url: Where to.
        body: Sent as JSON; None sends none.

    Raises:
        TransientActionError: It did not arrive, is asked again later, or the credential is refused.
        PermanentActionError: It is refused for what it says.
    """
    return taken(what, door.ask(what, method, url, body))


def taken(what: str, answer: Answer) -> Any:
    """Return the JSON of an answer that says it is done, or raise what another means, as `tell` does."""
    if answer.status in _CREDENTIAL:
        raise TransientActionError(f"{what}: HTTP {answer.status}, expected a credential that may do this")
    if answer.status in _LATER:
        raise TransientActionError(f"{what}: HTTP {answer.status}")
    if answer.status >= 400:
        # What the server says of it may repeat what it was sent.
        raise PermanentActionError(f"{what}: HTTP {answer.status}")
    return answer.body
