"""What labels make known of releases, as text: who speaks, how well, how late, and what stays unknown."""

from collections.abc import Iterator

import numpy as np

from feature_store.label_posteriors import Labelling, bounds_of_bad_share, explored_bad_share
from schemas.labels import TRUST, LabelSource


def report(found: Labelling) -> str:
    """Return the report as plain text; ends with a newline."""
    return "\n".join((*_known(found), *_answers(found), *_alarms(found), *_unknown(found))) + "\n"


def as_values(found: Labelling) -> dict[str, object]:
    """Return the same as plain values, for machines."""
    known, table = found.fit.parameters, found.table
    low, high, middle = bounds_of_bad_share(table)
    return {
        "releases": table.num_rows,
        "labelled": int(np.count_nonzero(_numbers(found, "labels"))),
        "disputed": int(np.count_nonzero(_numbers(found, "is_disputed"))),
        "selected": int(np.count_nonzero(_numbers(found, "is_selected"))),
        "explored": dict(zip(("possible", "chosen", "bad_share"), explored_bad_share(table), strict=True)),
        "bad_share": {"least": low, "estimated": middle, "most": high},
        "bad_share_by_verdict": {
            prior.name: float(share) for prior, share in zip(found.priors.bases, known.base, strict=True)
        },
        "answers": {
            prior.name: {
                "words": _words(found, prior.name),
                "trust": prior.trust,
                "sensitivity": float(known.sensitivity[place]),
                "sensitivity_sd": float(known.sensitivity_sd[place]),
                "specificity": float(known.specificity[place]),
                "specificity_sd": float(known.specificity_sd[place]),
                "agreement": _agreement(found, place),
            }
            for place, prior in enumerate(found.priors.answers)
        },
        "alarms": {
            prior.name: {
                "words": found.words.get(prior.name, 0),
                "trust": prior.trust,
                "reach": float(known.reach[place]),
                "reach_sd": float(known.reach_sd[place]),
                "false_reach": float(known.false_reach[place]),
                "delay_h": float(known.delay_h[place]),
            }
            for place, prior in enumerate(found.priors.alarms)
        },
        "trust_origins": {source.value: TRUST[source].origin for source in LabelSource},
    }


def _known(found: Labelling) -> Iterator[str]:
    table = found.table
    spoken = int(np.count_nonzero(_numbers(found, "labels")))
    disputed = int(np.count_nonzero(_numbers(found, "is_disputed")))
    yield "WHAT IS KNOWN"
    yield f"  {table.num_rows} releases, {spoken} of them labelled; of {disputed} the labels disagree."
    for prior, share in zip(found.priors.bases, found.fit.parameters.base, strict=True):
        count = int(np.count_nonzero(found.reports.base == found.priors.bases.index(prior)))
        what = "verdict unknown" if prior.name == "unknown" else f"judged {prior.name}"
        yield f"  {what}: {count} releases, {share:.1%} of them bad (believed before: {prior.share:.0%})"


def _answers(found: Labelling) -> Iterator[str]:
    known = found.fit.parameters
    yield ""
    yield "WHO ANSWERS, AND HOW WELL (estimated, with twice the standard deviation)"
    yield "  source     words   bad called bad   others called so   agrees with others   trusted before"
    for place, prior in enumerate(found.priors.answers):
        agreement = _agreement(found, place)
        agrees = "nobody to compare" if agreement is None else f"{agreement:.0%}"
        bad = f"{known.sensitivity[place]:.2f} +- {2 * known.sensitivity_sd[place]:.2f}"
        others = f"{known.specificity[place]:.2f} +- {2 * known.specificity_sd[place]:.2f}"
        count = _words(found, prior.name)
        yield f"  {prior.name:<9} {count:>6}   {bad:>14}   {others:>16}   {agrees:>18}   {prior.trust:>14.0%}"


def _alarms(found: Labelling) -> Iterator[str]:
    known = found.fit.parameters
    yield ""
    yield "WHO SPEAKS AGAINST, HOW OFTEN AND HOW LATE"
    yield "  source     words   tells of bad ones   of others   after, on average   trusted before"
    for place, prior in enumerate(found.priors.alarms):
        reach = f"{known.reach[place]:.2f} +- {2 * known.reach_sd[place]:.2f}"
        count = found.words.get(prior.name, 0)
        yield (
            f"  {prior.name:<9} {count:>6}   {reach:>17}   {known.false_reach[place]:>9.2f}   "
            f"{known.delay_h[place]:>15.1f} h   {prior.trust:>14.0%}"
        )
    young = int(np.count_nonzero(found.fit.matured < 0.5))
    yield f"  {young} releases are younger than half of the words that would come of bad ones."


def _unknown(found: Labelling) -> Iterator[str]:
    table = found.table
    selected = int(np.count_nonzero(_numbers(found, "is_selected")))
    low, high, middle = bounds_of_bad_share(table)
    share = selected / table.num_rows if table.num_rows else 0.0
    yield ""
    yield "WHAT CANNOT BE KNOWN"
    yield f"  {selected} releases ({share:.1%}) were taken back: what they would have done, nobody saw."
    yield f"  Bad are from {low:.1%} to {high:.1%} of all releases, whatever those were;"
    yield f"  {middle:.1%} if what was seen of them until then tells."
    possible, chosen, bad = explored_bad_share(table)
    if bad is None:
        yield "  No rollback was put off to learn of it, so nothing narrows these bounds."
        return
    yield f"  Of {possible} rollbacks that could be put off {chosen} were (explored) and are not among those;"
    yield f"  by what they did, {bad:.1%} of all that could be were bad."


def _agreement(found: Labelling, source: int) -> float | None:
    """Return how often a source's answers agree with other sources' on the same release; None without any."""
    reports = found.reports
    same, all_ = 0, 0
    of: dict[int, list[tuple[int, bool]]] = {}
    for release, who, is_bad in zip(
        reports.answer_release, reports.answer_source, reports.answer_bad, strict=True
    ):
        of.setdefault(int(release), []).append((int(who), bool(is_bad)))
    for answers in of.values():
        mine = [is_bad for who, is_bad in answers if who == source]
        others = [is_bad for who, is_bad in answers if who != source]
        all_ += len(mine) * len(others)
        same += sum(one == other for one in mine for other in others)
    return same / all_ if all_ else None


def _words(found: Labelling, name: str) -> int:
    count = found.words.get(name, 0)
    return count + found.words.get(LabelSource.REJECTION, 0) if name == LabelSource.APPROVAL else count


def _numbers(found: Labelling, column: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    numbers: np.ndarray[tuple[int], np.dtype[np.float64]] = np.asarray(
        found.table[column].to_pylist(), dtype=np.float64
    )
    return numbers
