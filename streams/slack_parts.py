"""What asks and listens in Slack, made of an installation's settings, and whether it would work."""

from collections.abc import Callable, Iterator, Mapping

from actions.errors import ActionError, NotAllowedActionError
from schemas.approvals import Person
from schemas.errors import SettingsError
from schemas.orders import Held
from schemas.replies import Reply
from streams.doctor import Finding, Health
from streams.slack_settings import SlackSettings

try:
    from actions.people.slack import SlackChannel
    from actions.people.slack_api import SlackApi
    from actions.people.slack_calls import SocketAddresses, web_client
    from actions.people.slack_socket import SlackSocket
except ImportError as error:
    raise SettingsError("Slack's client is not installed, expected suture[people]") from error


def slack_channel(
    settings: SlackSettings, people: Mapping[str, Person], link: Callable[[Held], str] = lambda _: ""
) -> SlackChannel:
    """Return the channel on which people are asked in Slack.

    Args:
        settings: With a token and channels.
        people: Whom the policy names.
        link: Where there is more to read about a hold; "" for nowhere.
    """
    return SlackChannel(_api(settings), dict(settings.channels), people, link)


def slack_socket(settings: SlackSettings, take: Callable[[Reply], None]) -> SlackSocket | None:
    """Return what listens through Socket Mode; None where it is not configured.

    Args:
        settings: With the app's token.
        take: Keeps an answer within 3 seconds; raises a SutureError when it cannot.
    """
    if not settings.app_token:
        return None
    return SlackSocket(_addresses(settings), take, settings.teams)


def examine_slack(settings: SlackSettings) -> list[Finding]:
    """Return whether we are known in Slack, reach each channel, and hear answers."""
    if not settings.token:
        return [
            Finding(
                check="token",
                health=Health.SKIPPED,
                seen="SUTURE_SLACK_TOKEN is not set",
                advice="set it to the bot's token, xoxb-..., to ask people in Slack",
            )
        ]
    api = _api(settings)
    try:
        identity = api.identity()
    except ActionError as error:
        return [_failed("token", error, "copy the bot's token from the app's page OAuth & Permissions")]
    return [
        Finding(check="token", health=Health.OK, seen=f"bot {identity.bot} of {identity.team}"),
        *_team(settings, identity.team),
        *(_channel(api, environment, channel) for environment, channel in settings.channels),
        *_answers(settings),
    ]


def _api(settings: SlackSettings) -> SlackApi:
    return SlackApi(web_client(settings.token, settings.url))


def _addresses(settings: SlackSettings) -> SocketAddresses:
    return SocketAddresses(web_client("", settings.url), settings.app_token)


def _team(settings: SlackSettings, team: str) -> Iterator[Finding]:
    if settings.teams and team not in settings.teams:
        yield Finding(
            check="workspace",
            health=Health.WARNING,
            seen=f"the bot is of {team}, answers are taken from {', '.join(settings.teams)}",
            advice=f"add {team} to SUTURE_SLACK_TEAM, unless its people are not to answer",
        )


def _channel(api: SlackApi, environment: str, channel: str) -> Finding:
    check = f"channel of {environment}"
    try:
        is_readable = api.is_readable(channel)
    except ActionError as error:
        return _failed(check, error, "try again, or look at the channel's settings")
    if is_readable:
        return Finding(check=check, health=Health.OK, seen=f"{channel} can be read")
    return Finding(
        check=check,
        health=Health.FAILED,
        seen=f"{channel} cannot be read",
        advice="invite the app to the channel, and give it the scopes channels:history and groups:history",
    )


def _answers(settings: SlackSettings) -> Iterator[Finding]:
    if not settings.app_token:
        is_signed = bool(settings.signing_secrets)
        yield Finding(
            check="answers",
            health=Health.OK if is_signed else Health.WARNING,
            seen="over HTTP, at the gateway" if is_signed else "neither a signing secret nor an app's token",
            advice=""
            if is_signed
            else "set SUTURE_SLACK_SIGNING_SECRET for the gateway, or SUTURE_SLACK_APP_TOKEN for Socket Mode",
        )
        return
    try:
        _addresses(settings)()
    except ActionError as error:
        yield _failed("answers", error, "switch Socket Mode on; the app's token needs connections:write")
    else:
        yield Finding(check="answers", health=Health.OK, seen="through Socket Mode")


def _failed(check: str, error: ActionError, advice: str) -> Finding:
    known = advice if isinstance(error, NotAllowedActionError) else ""
    return Finding(check=check, health=Health.FAILED, seen=str(error), advice=known)
