"""A failure's story: what failed, what was decided about it and done, told as a release's is."""

from feature_store.releases import ReleaseRow
from feature_store.telling import actions_told, decisions_told, failures_told, wrapped
from feature_store.timeline import timeline
from feature_store.views import Connection
from feature_store.why import Story, entries_about_failure
from feature_store.wording import clock, printable, sentence, span, words
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.observations import FailureSeen
from schemas.orders import Command, Held


def failure_story(connection: Connection, question: str) -> Story | None:
    """Return the story of the newest failure whose id begins so; None when there is none."""
    row = connection.execute(
        "SELECT failure, environment, service, version, since FROM failures WHERE starts_with(failure, $1) "
        "ORDER BY failure = $1 DESC, seen_at DESC LIMIT 1",
        [question.strip()],
    ).fetchone()
    if row is None or not question.strip():
        return None
    failure, environment, service, version, since = row
    known = ReleaseRow(
        release=ReleaseId(failure),
        environment=EnvironmentName(environment or ""),
        service=ServiceName(service or ""),
        version=version or "",
        started_at=since,
        **dict.fromkeys(_UNSAID),
        state="failure",
    )
    return Story(row=known, entries=entries_about_failure(connection, failure))


_UNSAID = tuple(
    name
    for name in ReleaseRow.__slots__
    if name not in ("release", "environment", "service", "version", "started_at", "state")
)


def tell_failure(story: Story) -> str:
    """Return the story as text of at most 100 columns where words allow; ends with a newline."""
    sections = (
        ("WHAT FAILED", failures_told(story)),
        ("WHAT WAS DECIDED", decisions_told(story)),
        ("WHAT WAS DONE", actions_told(story)),
        (f"TIMELINE (from {clock(story.started_at)})", timeline(story)),
    )
    lines = [*wrapped(_headline(story), ""), "", f"Failure   {story.row.release}"]
    for title, body in sections:
        content = list(body)
        if content:
            lines += ["", title, *content]
    return "\n".join(printable(line) for line in lines) + "\n"


def _headline(story: Story) -> str:
    failure = story.of(FailureSeen)[-1].failure
    what = f"{story.row.service} in {story.row.environment}: {words(failure.pattern)}"
    recoveries, commands = story.of(Recovery), story.of(Command)
    if recoveries and recoveries[-1].kind is RecoveryKind.RECOVERED:
        by = f" by {commands[-1].remedy.playbook}" if commands and commands[-1].remedy else ""
        end = recoveries[-1].recovered_at or recoveries[-1].at
        return sentence(f"{what}, mended{by}, gone {span(end - failure.since)} after it began")
    if recoveries:
        return sentence(f"{what}, and what was done did not mend it")
    if commands:
        return sentence(f"{what}; whether what was done mends it is not known yet")
    if story.of(Held):
        return sentence(f"{what}; a human is asked what to do")
    return sentence(f"{what}; nothing was done")
