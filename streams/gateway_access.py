"""Who may ask the gateway and who may tell it of deploys: everybody, or who has a token for it."""

from collections.abc import Mapping

from schemas.errors import SettingsError
from streams.access_settings import AccessSettings
from streams.gateway_tokens import Scope, Tokens


class Access:
    """The doors that an installation may leave open or close.

    Args:
        tokens: Whose token may be used for what.
        settings: Which doors are open.

    Raises:
        SettingsError: a door is closed, and no token opens it.
    """

    def __init__(self, tokens: Tokens, settings: AccessSettings | None = None) -> None:
        self._tokens = tokens
        settings = settings or AccessSettings()
        self._is_open = {Scope.READ: settings.read_open, Scope.DEPLOY: settings.deploy_open}
        for scope, is_open in self._is_open.items():
            if not is_open and not tokens.allow(scope):
                raise SettingsError(
                    f"SUTURE_{scope.upper()}_OPEN is false, and no token of SUTURE_TOKENS has scope {scope}"
                )

    def check(self, scope: Scope, headers: Mapping[str, str], *, takes_basic: bool = False) -> str:
        """Return whose token the request carries; "" where none is asked for.

        Args:
            scope: What the request wants.
            headers: Of the request.
            takes_basic: The password of Basic may be the token.

        Raises:
            RefusedRequest: the door is closed and the request carries no token (401) or not one for it (403).
        """
        # A token that nobody asked for may be anybody's, such as a proxy's.
        if self._is_open.get(scope, False):
            return ""
        return self._tokens.name_for(headers, scope, takes_basic=takes_basic)
