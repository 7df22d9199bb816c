"""Settings of the optional explainer: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import SettingsError
from streams.secret_settings import secret_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainerSettings:
    """Which language model puts questions into words; none unless both address and model are given.

    Attributes:
        url: Base URL of a server that speaks chat completions, up to `/v1`. `SUTURE_LLM_URL`.
        model: Its name there. `SUTURE_LLM_MODEL`.
        key: Bearer token; "" for servers that want none. `SUTURE_LLM_KEY`, or a file's name in
            `SUTURE_LLM_KEY_FILE`.
        budget_s: Seconds for one explanation. Longer waits for slower models; nothing else waits with it.
            `SUTURE_LLM_SECONDS`.
    """

    url: str = ""
    model: str = ""
    key: str = ""
    budget_s: float = 20.0

    def __repr__(self) -> str:
        """Return what may be shown: never the key."""
        return f"ExplainerSettings(url={self.url!r}, model={self.model!r})"

    @property
    def is_on(self) -> bool:
        """Return whether anybody is asked."""
        return bool(self.url)


def read_explainer_settings(given: Mapping[str, str]) -> ExplainerSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats the key.
    """
    url, model = (given.get(name, "").strip() for name in ("SUTURE_LLM_URL", "SUTURE_LLM_MODEL"))
    if bool(url) != bool(model):
        raise SettingsError("one of SUTURE_LLM_URL and SUTURE_LLM_MODEL is missing, expected both or none")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise SettingsError(
            "SUTURE_LLM_URL is no http or https address, expected one such as https://host/v1"
        )
    text = given.get("SUTURE_LLM_SECONDS", "").strip() or "20"
    if not text.isdecimal() or not 1 <= int(text) <= 300:
        raise SettingsError(f"SUTURE_LLM_SECONDS is {text!r}, expected whole seconds from 1 to 300")
    key = secret_text(given, "SUTURE_LLM_KEY").strip()
    return ExplainerSettings(url=url, model=model, key=key, budget_s=float(text))
