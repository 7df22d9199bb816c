"""A verdict in words that may leave the house: numbers, names of signals, and no line of any log.

Pages for one's own people quote the statement that convicts a release. What goes to vendors does not: though
masked, it is a program's own text, and nobody there asked for it.
"""

from schemas.judgements import Evidence, Verdict, VerdictKind

SAID_BY = "Suture: "
"""How a line of ours begins where others write, too: our own word must not be taken for theirs."""

LOG_DETECTOR = "log-template-"
"""How the name of a detector begins that weighs one statement; what it says quotes the statement."""

_MOST_SENTENCES = 3
_FIXED = {
    VerdictKind.HEALTHY: "no damage beyond the margins was found",
    VerdictKind.HARMFUL: "it does harm",
    VerdictKind.INCONCLUSIVE: "there is not enough evidence for or against it",
    VerdictKind.NODATA: "it sends no telemetry to be judged by",
    VerdictKind.BROKEN: "the instrument contradicts itself and cannot be believed",
}


def outward_title(verdict: Verdict) -> str:
    """Return a verdict as one short line, such as `harmful: cart 1.4.2 in prod`."""
    return f"{verdict.kind}: {verdict.service} {verdict.version} in {verdict.environment}"


def outward_words(verdict: Verdict) -> str:
    """Return what a verdict says, in at most four sentences and without a line of any log."""
    sentences = [_FIXED[verdict.kind]]
    if verdict.kind is VerdictKind.HARMFUL:
        strongest = sorted(
            (one for one in verdict.evidence if not one.is_shared),
            key=lambda one: (not one.convicts, -one.log_e, one.signal, one.edge, one.id),
        )
        sentences += [outward_sentence(one) for one in strongest[:_MOST_SENTENCES]]
        sentences.append(
            f"confidence {verdict.confidence:.4f}; of releases without fault "
            f"at most {100 * verdict.alpha:g} % are judged so"
        )
    return "; ".join(sentences)


def outward_sentence(evidence: Evidence) -> str:
    """Return what one signal says, without a line of any log."""
    if not evidence.detector.startswith(LOG_DETECTOR) and evidence.text:
        return evidence.text
    return f"{evidence.signal}: {evidence.canary.pods} canary pods print a statement as others do not"
