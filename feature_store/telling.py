"""Telling: a release's story as plain text, made of the journal's numbers and sentences and nothing else."""

import textwrap
from collections.abc import Iterator, Sequence

from feature_store.headline import headline, without_reason
from feature_store.incident_times import times_told
from feature_store.labels_told import labels_told
from feature_store.timeline import timeline
from feature_store.why import Story
from feature_store.wording import (
    after,
    at_most,
    clock,
    level,
    printable,
    sentence,
    span,
    strength,
    weight,
    words,
)
from schemas.approvals import HoldChanged
from schemas.explanations import Explained, Explanation
from schemas.judgements import PRESENCE, Evidence, Recovery, Verdict, VerdictKind
from schemas.observations import (
    Answer,
    Approval,
    FailureCleared,
    FailureSeen,
    OutcomeReported,
    ReleaseOpened,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Outcome, OutcomeKind, Playbook
from schemas.verbs import OwnerKind

_WIDTH = 100

_MEANING = {
    VerdictKind.INCONCLUSIVE: (
        "Not enough was seen to say. That is no pass: nothing speaks for the release either."
    ),
    VerdictKind.NODATA: (
        "The new version sent nothing that could be judged. Silence is no pass, and by itself no reason "
        "to roll back."
    ),
    VerdictKind.BROKEN: (
        "The measurements contradict themselves, so nothing they say of this release can be believed, "
        "good or bad. Look at the instrument first."
    ),
}


def tell(story: Story) -> str:
    """Return the story as text of at most 100 columns where words allow; ends with a newline."""
    sections = (
        ("WHAT WAS SEEN", _seen(story)),
        ("WHAT FAILED", failures_told(story)),
        ("WHO IS TO BLAME", _blame(story)),
        ("WHAT WAS DECIDED", decisions_told(story)),
        ("WHAT WAS DONE", actions_told(story)),
        ("WHAT IT WAS SAID TO BE", (line for text in labels_told(story) for line in wrapped(text))),
        (f"TIMELINE (from {clock(story.started_at)})", timeline(story)),
    )
    lines = [*wrapped(headline(story), ""), "", *_identity(story)]
    for title, body in sections:
        content = list(body)
        if content:
            lines += ["", title, *content]
    if story.others:
        lines += ["", "OTHER RELEASES THAT THE QUESTION FITS", *(f"  {other}" for other in story.others)]
    return "\n".join(printable(line) for line in lines) + "\n"


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Return a text's lines; those after the first stand two columns further in."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _identity(story: Story) -> Iterator[str]:
    yield f"Release   {story.row.release}"
    opened = story.of(ReleaseOpened)
    if not opened:
        yield "Started   before this journal begins"
        return
    # What the deploy event did not say is learnt from telemetry, and stands in the newest verdict.
    judged = story.of(VerdictReached)
    release = judged[-1].release if judged else opened[-1].release
    facts = [clock(release.started_at)]
    if release.template:
        facts.append(f"template {release.template}")
    if release.rollback_template:
        facts.append(f"in place of {release.rollback_template}")
    if release.commit:
        facts.append(f"commit {release.commit}")
    yield f"Started   {', '.join(facts)}"
    if release.target is not None:
        yield f"Runs as   {release.target.kind} {release.target.key}"


def _seen(story: Story) -> Iterator[str]:
    if not story.verdicts:
        yield "  No verdict was reached."
        return
    verdict = story.verdicts[-1]
    final = "final" if verdict.is_final else "not final"
    settings = f", under settings {verdict.settings}" if verdict.settings else ""
    yield from wrapped(f"Verdict: {verdict.kind} ({final}), at {clock(verdict.at)}{settings}.")
    yield from wrapped(_sureness(verdict))
    told = {item.text for item in verdict.evidence}
    for reason in verdict.reasons:
        if reason not in told:
            yield from wrapped(f"- {reason}")
    if verdict.first_bad_at is not None:
        yield from wrapped(
            "The first interval that counts against it began "
            f"{after(story.started_at, verdict.first_bad_at)} the start; "
            f"the verdict came {span(verdict.at - verdict.first_bad_at)} after that."
        )
    strongest = sorted(verdict.evidence, key=lambda item: (item.threshold_log_e - item.log_e, item.signal))
    for item in strongest:
        yield from _evidence(item)
    yield from _comparisons(strongest)


def _sureness(verdict: Verdict) -> str:
    match verdict.kind:
        case VerdictKind.HARMFUL:
            return (
                f"Confidence {verdict.confidence:.6g}: of harmless releases, numbers this bad come up "
                f"{at_most(1 - verdict.confidence)}. Settings allow {at_most(verdict.alpha)} to be called "
                "harmful by mistake, over all looks and signals."
            )
        case VerdictKind.HEALTHY:
            return (
                "Nothing found is not proof: it was watched long enough, on enough traffic, for damage "
                "beyond the margins to show."
            )
        case _:
            return _MEANING[verdict.kind]


def _evidence(item: Evidence) -> Iterator[str]:
    name = f"{item.signal}{item.where}"
    text = item.text or (
        f"{level(item.canary.level)} over {item.canary.exposure:,.0f} on {item.canary.pods} of its pods, "
        f"{level(item.control.level)} over {item.control.exposure:,.0f} on {item.control.pods} others; "
        f"{strength(item.log_e, item.threshold_log_e)}"
    )
    yield from wrapped(f"* {text}" if text.startswith(item.signal) else f"* {name}: {text}")
    # Silence is measured in intervals, everything else in the signal's unit.
    harmless = (
        f"fewer than {level(item.margin)} intervals count as no silence"
        if item.signal == PRESENCE
        else f"a change up to {level(item.margin)} counts as none"
    )
    yield from wrapped(
        f"{weight(item.log_e, item.threshold_log_e)}. Test {words(item.detector)}; {harmless}.", "      "
    )


def _comparisons(evidence: Sequence[Evidence]) -> Iterator[str]:
    """Return what the numbers were compared with, each comparison once."""
    compared: dict[tuple[str, str], list[str]] = {}
    for item in evidence:
        compared.setdefault((item.comparison, item.join), []).append(item.signal)
    for (comparison, join), signals in compared.items():
        which = "" if len(compared) == 1 else f" ({', '.join(dict.fromkeys(signals))})"
        yield from wrapped(
            sentence(f"Compared with {comparison}{which}; samples joined to the release by {join}")
        )


def failures_told(story: Story) -> Iterator[str]:
    """Return each failure once, as it was told last."""
    cleared = {each.failure: each.at for each in story.of(FailureCleared)}
    for failure in {each.failure.id: each.failure for each in story.of(FailureSeen)}.values():
        over = cleared.get(failure.id)
        # One that is told of again after it was over is not over.
        is_over = over is not None and over >= failure.at
        lasted = f"over after {span(over - failure.since)}" if over and is_over else "not over"
        yield from wrapped(
            sentence(
                f"* {words(failure.pattern).capitalize()} since {clock(failure.since)}: {failure.detail}"
            )
        )
        yield from wrapped(sentence(f"{failure.target.key}, {lasted}"), "      ")


def _blame(story: Story) -> Iterator[str]:
    decisions = story.of(Decision)
    if not decisions:
        return
    for place, suspect in enumerate(decisions[-1].suspects, 1):
        itself = " (this release)" if suspect.release == story.row.release else ""
        yield from wrapped(f"{place}. {suspect.release}{itself}, score {suspect.score:.3g}: {suspect.why}")


def decisions_told(story: Story) -> Iterator[str]:
    """Return what was decided last and before, with the holds, answers and denials that followed."""
    decisions = story.of(Decision)
    if not decisions:
        yield "  Nothing was decided."
        return
    *earlier, last = decisions
    settings = f", settings {last.settings}" if last.settings else ""
    yield from wrapped(
        sentence(
            f"{last.playbook.capitalize()}, by rule {last.rule}{settings}: {without_reason(story, last.why)}"
        )
    )
    if last.needs_approval:
        yield "  A human had to agree."
    elif last.playbook in {Playbook.ROLLBACK, Playbook.PROMOTE}:
        yield "  Nobody had to agree."
    for decision in decisions:
        yield from wrapped(_explored(decision)) if decision.exploration else ()
    for alternative in last.alternatives:
        yield from wrapped(f"- considered: {alternative}")
    for decision in reversed(earlier):
        yield from wrapped(
            sentence(
                f"Before that, at {clock(decision.at)}: {decision.playbook}, "
                f"{without_reason(story, decision.why)}"
            )
        )
    answers = {answer.hold: answer for answer in reversed(story.of(Approval))}
    for hold in story.of(Held):
        until = f" until {clock(hold.expires_at)}" if hold.expires_at is not None else ""
        reason = without_reason(story, hold.reason.replace(f": {last.why}", ""))
        yield from wrapped(sentence(f"Held{until} ({words(hold.guard)}): {reason}"))
        for explained in story.of(Explained):
            if explained.explanation.about == hold.id:
                yield from wrapped(explained_told(explained.explanation), "    ")
        changes = [change for change in story.of(HoldChanged) if change.hold == hold.id]
        for change in changes:
            yield from wrapped(
                sentence(f"{words(change.change).capitalize()} at {clock(change.at)}: {change.text}"), "    "
            )
        if changes and changes[-1].change.is_end:
            continue
        if not changes and hold.id in answers:
            # Of a journal in which nobody wrote what became of a question.
            yield from wrapped(_answer(answers[hold.id]), "    ")
        elif story.row.state == "held" and hold.expires_at is not None:
            yield f"    Nobody has answered yet; its id is {hold.id}."
    for denied in story.of(Denied):
        yield from wrapped(sentence(f"Denied ({words(denied.guard)}): {denied.reason}"))


def _explored(decision: Decision) -> str:
    exploration = decision.exploration
    assert exploration is not None, "only what could be put off is told of"
    chance = f"as {100 * exploration.share:g} % of such rollbacks are, to learn what the release does"
    if exploration.until is None:
        return f"It could have been put off, {chance}, and was not chosen."
    return f"Put off at {clock(decision.at)} until {clock(exploration.until)} at the latest, {chance}."


def explained_told(explanation: Explanation) -> str:
    """Return a model's words, marked as what they are."""
    doubts = f" It doubts: {explanation.doubts}" if explanation.doubts else ""
    return (
        f"In the words of {explanation.model}, which decides nothing: {' '.join(explanation.sentences)} "
        f"It takes the {explanation.hypothesis} for the likeliest.{doubts}"
    )


def _answer(approval: Approval) -> str:
    verb = "approved" if approval.answer is Answer.APPROVE else "rejected"
    why = f', saying "{approval.why}"' if approval.why else ""
    return f"{approval.by} {verb} it via {approval.channel} at {clock(approval.at)}{why}."


def actions_told(story: Story) -> Iterator[str]:
    """Return each command with how it ended and whether it helped."""
    commands = story.of(Command)
    if not commands:
        yield "  Nothing was changed."
        return
    outcomes = {each.outcome.command: each.outcome for each in story.of(OutcomeReported)}
    recoveries = {each.command: each for each in story.of(Recovery)}
    for command in commands:
        agreed = f", approved by {command.approved_by}" if command.approved_by else ""
        yield from wrapped(f"{_order(command)}, ordered {clock(command.issued_at)}{agreed}.")
        outcome = outcomes.get(command.id)
        if outcome is None:
            yield f"    No outcome is known; the order expires {clock(command.expires_at)}."
            continue
        ended = "was so already" if outcome.kind is OutcomeKind.ALREADY_DONE else outcome.kind.value
        yield from wrapped(
            sentence(f"{ended.capitalize()} after {span(outcome.at - command.issued_at)}: {outcome.detail}"),
            "    ",
        )
        yield from _owned(outcome)
        recovery = recoveries.get(command.id)
        if recovery is not None:
            yield from wrapped(sentence(f"{words(recovery.kind).capitalize()}: {recovery.text}"), "    ")
            if times := times_told(story, recovery, command):
                yield from wrapped(sentence(times), "    ")
        elif command.kind == "undo":
            yield "    Whether it helped is not judged yet."


def _order(command: Command) -> str:
    what = words(command.kind).capitalize()
    rehearsal = "Rehearsal: " if command.is_rehearsal else ""
    template = f" to template {command.template}" if command.template else ""
    more = ""
    if command.scaling is not None:
        more = f" to {command.scaling.replicas} replicas"
    elif command.pod is not None:
        more = f", pod {command.pod.pod}"
    elif command.config is not None:
        more = f", key {command.config.key}"
    elif command.runbook is not None:
        more = f", {command.runbook.name}"
    by = f" by {command.remedy.playbook}, step {command.remedy.step!r}" if command.remedy else ""
    return f"{rehearsal}{what} of {command.target.key}{template}{more}{by}"


def _owned(outcome: Outcome) -> Iterator[str]:
    """Return who owns what was changed, and what is different now from what its source says."""
    owned = outcome.ownership
    if owned is None or owned.owner is OwnerKind.NOBODY:
        return
    facts = [f"owned by {owned.name or owned.owner}", owned.strategy, owned.drift, owned.link]
    yield from wrapped(sentence("; ".join(fact for fact in facts if fact)), "    ")
    for paused in owned.paused:
        yield from wrapped(
            f"{paused.resource} {paused.namespace}/{paused.name} was paused until {clock(paused.until)}, and "
            f"stays so while its source asks for revision {paused.revision or '(unknown)'}.",
            "    ",
        )
