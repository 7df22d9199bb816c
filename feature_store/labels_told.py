"""What a release was said to be, as lines of its story: each voice's word, and whether they agree."""

from collections.abc import Iterator

from feature_store.why import Story
from feature_store.wording import clock, words
from schemas.labels import Label, LabelKind, Labelled, LabelSource

_PEOPLE = (LabelSource.HUMAN, LabelSource.APPROVAL, LabelSource.REJECTION)


def labels_told(story: Story) -> Iterator[str]:
    """Return a sentence a voice, the newest of its words, and one that says when they disagree."""
    voices: dict[tuple[str, str], Label] = {}
    for said in story.of(Labelled):
        label = said.label
        is_answer = label.source in (LabelSource.APPROVAL, LabelSource.REJECTION)
        family = LabelSource.APPROVAL if is_answer else label.source
        voices[family, label.by if label.source in _PEOPLE else ""] = label
    for label in voices.values():
        because = f": {label.why}" if label.why else ""
        trust = f"trusted to {label.trust:.0%}"
        yield f"{words(label.kind)}, by {label.by} ({label.source}, {trust}), at {clock(label.at)}{because}"
    bad = sum(label.kind is LabelKind.BAD for label in voices.values())
    if 0 < bad < len(voices):
        others = len(voices) - bad
        yield f"They disagree: {bad} for bad, {others} against it. `suture labels report` weighs them."
