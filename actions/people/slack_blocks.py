"""Messages in Slack's Block Kit: a question, what became of it, and news.

slack_sdk's models refuse what Slack would refuse (`SlackObjectFormationError`), and everything is cut to fit
before it comes to them, so that no length of a name or a reason keeps a question from being asked.

Source: docs.slack.dev, "Block Kit reference", slack_sdk 3.47 `models.blocks`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

from actions.people.slack_text import cut, escaped, mentions, paragraph
from schemas.approvals import Asked, Brief, HoldChange, HoldChanged, Person, hold_code
from schemas.judgements import Recovery
from schemas.orders import CommandKind, Held, Outcome, Page
from schemas.slack_callbacks import APPROVE, REJECT, hand_over_action, hold_block, hold_value

Json = dict[str, Any]

_HEADER: Final = 150
_SECTION: Final = 3000
_FALLBACK: Final = 3000
_BUTTON: Final = 75
_CONFIRM_TITLE: Final = 100
_CONFIRM_TEXT: Final = 300
_CONFIRM_BUTTON: Final = 30
_OPTIONS: Final = 100
_OPTION_TEXT: Final = 75
_OPTION_VALUE: Final = 150

_REPEATS = "Should this question stand here twice, answer either: both are the same."

_ENDS = {
    HoldChange.GRANTED: "Approved",
    HoldChange.REJECTED: "Rejected",
    HoldChange.EXPIRED: "Expired",
    HoldChange.WITHDRAWN: "Withdrawn",
}


def question(
    held: Held, people: Mapping[str, Person], change: HoldChanged | None = None, *, may_repeat: bool = False
) -> list[Json]:
    """Return the blocks of a question that is open.

    Args:
        held: The hold.
        people: Whom the policy names.
        change: What changed about it last; None for nothing yet.
        may_repeat: Nobody can tell whether it stands there already, so the message says what then.
    """
    blocks: list[Block] = [
        HeaderBlock(text=_plain(f"{_what(held)}?", _HEADER)),
        *_brief(held),
        SectionBlock(text=_markup(_asked(held, people, change))),
    ]
    if change is not None:
        blocks.append(SectionBlock(text=_plain(f"{_time(change.at)}: {change.text}", _SECTION)))
    if may_repeat:
        blocks.append(SectionBlock(text=_plain(_REPEATS, _SECTION)))
    blocks.append(ActionsBlock(block_id=hold_block(held.id), elements=_elements(held, people)))
    return _as_json(blocks)


def answered(held: Held, end: str, outcome: Outcome | None, recovery: Recovery | None) -> list[Json]:
    """Return the blocks of a question that is over: no buttons, but how it ended and what came of it.

    Args:
        held: The hold.
        end: As `end_of` gives it.
        outcome: What the executor saw; None while it is not known.
        recovery: Whether it helped; likewise.
    """
    blocks: list[Block] = [
        HeaderBlock(text=_plain(f"{end.split(' ', 1)[0]}: {_what(held)}", _HEADER)),
        *_brief(held),
        SectionBlock(text=_plain(end, _SECTION)),
    ]
    blocks += [SectionBlock(text=_plain(line, _SECTION)) for line in _what_came(outcome, recovery)]
    return _as_json(blocks)


def with_address(blocks: list[Json], address: str) -> list[Json]:
    """Return a message's blocks with a link to more, above what can be clicked; "" for no link."""
    if not address or any(character in address for character in "<>|"):
        return blocks
    link = SectionBlock(text=_markup(f"More: <{address}>")).to_dict()
    place = next((index for index, block in enumerate(blocks) if block["type"] == "actions"), len(blocks))
    return [*blocks[:place], link, *blocks[place:]]


def end_of(change: HoldChanged) -> str:
    """Return how a question ended, as a sentence that begins with the end."""
    return f"{_ENDS[change.change]} at {_time(change.at)}: {change.text}"


def news(change: HoldChanged, people: Mapping[str, Person]) -> list[Json]:
    """Return the blocks of a reply that tells what changed, and calls those whom it concerns."""
    blocks: list[Block] = [SectionBlock(text=_plain(change.text, _SECTION))]
    if change.to and change.change in (HoldChange.ESCALATED, HoldChange.HANDED_OVER):
        blocks.append(SectionBlock(text=_markup(f"Asked now: {mentions(change.to, people)}")))
    return _as_json(blocks)


def call(page: Page) -> list[Json]:
    """Return the blocks of a message about something that is no question."""
    where = f"{page.service} in {page.environment}"
    about = f"{page.release}, " if page.release else ""
    return _as_json(
        [
            HeaderBlock(text=_plain(where, _HEADER)),
            SectionBlock(text=_plain(page.summary, _SECTION)),
            SectionBlock(text=_plain(f"{about}{_time(page.at)}", _SECTION)),
        ]
    )


def question_line(held: Held) -> str:
    """Return the line that a notification shows of a question."""
    return escaped(f"{_what(held)}? {_brief_of(held).certainty}", _FALLBACK)


def line(text: str) -> str:
    """Return the line that a notification shows of any other message."""
    return escaped(cut(text, _FALLBACK), _FALLBACK)


def _what(held: Held) -> str:
    return f"{_verb(held)} {held.service} in {held.environment}"


def _verb(held: Held) -> str:
    if held.command is None:
        return "Look at"
    if held.command.kind is CommandKind.UNDO:
        return "Roll back"
    return held.command.kind.replace("_", " ").capitalize()


def _brief_of(held: Held) -> Brief:
    return held.brief or Brief(what=held.reason, against="-", certainty=held.reason, if_nothing="-")


def _brief(held: Held) -> list[Block]:
    brief = _brief_of(held)
    texts = [
        brief.what,
        f"Compared with {brief.against}\n{brief.certainty}",
        *([paragraph("What the signals say:", brief.signals, _SECTION)] if brief.signals else []),
        *([paragraph("Releases by blame:", brief.suspects, _SECTION)] if brief.suspects else []),
        f"If nothing is done: {brief.if_nothing}",
    ]
    return [SectionBlock(text=_plain(text, _SECTION)) for text in texts]


def _asked(held: Held, people: Mapping[str, Person], change: HoldChanged | None) -> str:
    asked = held.asked or Asked()
    names = list(asked.approvers)
    if change is not None and asked.escalates_at is not None and change.at >= asked.escalates_at:
        names += asked.escalates_to
    if change is not None and change.change is HoldChange.HANDED_OVER:
        names += change.to
    who = mentions(names, people) if names else "whom the policy names"
    needed = f"; {asked.quorum} approvals are needed" if asked.quorum > 1 else ""
    until = f"; until {_time(held.expires_at)}" if held.expires_at else ""
    return f"Asked: {who}{needed}{until}; code {hold_code(held.id)}"


def _elements(held: Held, people: Mapping[str, Person]) -> list[InteractiveElement]:
    verb, brief = _verb(held), _brief_of(held)
    value = hold_value(held.id, held.environment)
    forward = held.command is not None and held.command.kind in (
        CommandKind.PROMOTE,
        CommandKind.PROMOTE_STEP,
        CommandKind.RESUME,
    )
    elements: list[InteractiveElement] = [
        ButtonElement(
            action_id=APPROVE,
            text=_plain(verb, _BUTTON),
            style="primary" if forward else "danger",
            value=value,
            confirm=_confirm(f"{verb} {held.service}?", brief.what, f"Yes, {verb.lower()}"),
        ),
        ButtonElement(
            action_id=REJECT,
            text=_plain("Leave it", _BUTTON),
            value=value,
            confirm=_confirm(
                "Leave it as it is?", f"{held.service} in {held.environment}: nothing is done", "Leave it"
            ),
        ),
    ]
    options = [
        Option(text=_plain(name, _OPTION_TEXT), value=name)
        for name in sorted(people)
        if 0 < len(name) <= _OPTION_VALUE and name.strip()
    ]
    if options:
        elements.append(
            StaticSelectElement(
                action_id=hand_over_action(held.environment),
                placeholder=_plain("Ask somebody else", _OPTION_VALUE),
                options=options[:_OPTIONS],
            )
        )
    return elements


def _confirm(title: str, text: str, confirm: str) -> ConfirmObject:
    return ConfirmObject(
        title=_plain(title, _CONFIRM_TITLE),
        text=_plain(text, _CONFIRM_TEXT),
        confirm=_plain(confirm, _CONFIRM_BUTTON),
        deny=_plain("Not now", _CONFIRM_BUTTON),
    )


def _what_came(outcome: Outcome | None, recovery: Recovery | None) -> list[str]:
    lines: list[str] = []
    if outcome is not None:
        kind = outcome.kind.replace("_", " ")
        lines.append(f"{kind.capitalize()} at {_time(outcome.at)}: {outcome.detail}")
    if recovery is not None:
        kind = recovery.kind.replace("_", " ")
        lines.append(f"{kind.capitalize()} at {_time(recovery.at)}: {recovery.text}")
    return lines


def _plain(text: str, limit: int) -> PlainTextObject:
    # Without emoji: a service called `:fire:` is shown as it is called.
    return PlainTextObject(text=cut(text, limit), emoji=False)


def _markup(text: str) -> MarkdownTextObject:
    # Verbatim: Slack makes no links and mentions of what only looks like them.
    return MarkdownTextObject(text=text, verbatim=True)


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


def _as_json(blocks: list[Block]) -> list[Json]:
    return [block.to_dict() for block in blocks]
