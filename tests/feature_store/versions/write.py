"""Writes the files of one version, with the code of that version: they are kept, and must stay readable.

    git worktree add --detach /tmp/version COMMIT
    cd /tmp/version && PYTHONPATH=. python .../tests/feature_store/versions/write.py .../versions/NAME

NAME and COMMIT: endpoints fc97c19, failures 6bcd101, explanations fdfab62, teams b0bf9e6, chained d786c2d. A
new one is added when columns, row forms or the form of files change.
"""

import sys
from dataclasses import replace
from pathlib import Path

from feature_store.journal import FlushLimits, Journal
from tests.feature_store import stories
from tests.feature_store.script import START


def write(root: Path) -> None:
    """Write the stories of that version into two fresh files, and a few effects that are merged."""
    told = [stories.held_and_approved()]
    if hasattr(stories, "crashing"):
        told.append(stories.crashing())
    effects = [effect for story in told for effect in story.effects]
    # As if one partition had caused them all: its causes rise.
    log = [
        (offset, replace(effect, cause=replace(effect.cause, offset=offset), index=0))
        for offset, effect in enumerate(effects)
    ]
    journal = Journal(root, clock=lambda: START, limits=FlushLimits(rows=1000))
    for part in (log[:9], log[9:]):
        journal.append(3, part)
        journal.flush()
    merging = Journal(root, clock=lambda: START, limits=FlushLimits(rows=1), merge_after=2)
    for offset, effect in log[:2]:
        other = replace(effect, cause=replace(effect.cause, partition=4))
        merging.append(4, [(offset, other)])
        merging.flush()
    # Merged parts stay for a while; here they would only weigh.
    for file in root.glob("day=*/p0004-*"):
        if file.name.startswith(("p0004-000000000000-000000000000", "p0004-000000000001-000000000001")):
            file.unlink()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
