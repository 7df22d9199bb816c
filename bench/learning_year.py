"""A year of releases in a random order: trained once a month, tried in shadow, promoted and retired by rule.

Nobody learns from himself: groups of releases are split into folds, and each fold's releases are judged by a
history that learnt from the others alone, whichever month of the year they come back in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.learning_labels import Words, posteriors, words_of
from bench.learning_world import Known, Releases, minute_under, moved
from feature_store.lessons import Lesson
from feature_store.promotion import Trial, of_challenger, of_champion
from feature_store.training import learnt_profile
from schemas.models import ModelStage
from schemas.profiles import Profile

START = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
MONTHS = 12
FOLDS = 5
LEAST_LABELLED = 30
"""As the learner has it: before so many releases have a label nothing is learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One release of the year, held back, by the rules and by what had been learnt by then.

    Attributes:
        group: Its case, or its number.
        rules_min: When the rules convict it; None for never.
        champion_min: When the champion of that day does.
        newest_min: When the newest training does, whether it was promoted or not.
        watched_min: The delay of who does not find it.
    """

    group: str
    is_bad: bool
    rules_min: float | None
    champion_min: float | None
    newest_min: float | None
    watched_min: float


@dataclass(slots=True, kw_only=True)
class Year:
    """What came of one year.

    Attributes:
        judged: All releases, each by the history that did not know it.
        last: By group, the profile of the year's last training that did not know it.
    """

    judged: list[Judged]
    last: dict[str, Profile | None]
    trainings: int = 0
    promoted: int = 0
    rejected: int = 0
    retired: int = 0


def year(releases: Releases, count: int, seed: int, *, wrong: float = 0.0, flipping: str = "") -> Year:
    """Play a year.

    Args:
        releases: What is drawn from; each comes equally often.
        count: Releases of the year, at even distances.
        seed: Of the order and the labels.
        wrong: Share of releases that are labelled as their opposite, beyond what sources err.
        flipping: Key of a service of which all labels are the opposite.
    """
    random = np.random.default_rng(seed)
    known = releases.known
    rounds = [random.permutation(len(known)) for _ in range(-(-count // len(known)))]
    order = [known[place] for place in np.concatenate(rounds)[:count]]
    starts = [START + MONTHS * MONTH * number / count for number in range(count)]
    words = words_of(order, wrong, flipping, random)
    groups = sorted({one.group for one in known})
    fold_of = dict(zip(groups, (random.permutation(len(groups)) % FOLDS).tolist(), strict=True))
    played = Year(judged=[], last={})
    for fold in range(FOLDS):
        history = _History(releases, order, starts, words, [fold_of[one.group] != fold for one in order])
        played.judged += history.play()
        played.last |= {group: history.newest for group in groups if fold_of[group] == fold}
        played.trainings += history.trainings
        played.promoted += history.promoted
        played.rejected += history.rejected
        played.retired += history.retired
    return played


class _History:
    """One year as one installation lives it that sees some of the releases, and judges the others."""

    def __init__(
        self,
        releases: Releases,
        order: Sequence[Known],
        starts: Sequence[datetime],
        words: Sequence[Words],
        is_seen: Sequence[bool],
    ) -> None:
        self._policy = releases.policy
        self._order, self._starts, self._words, self._is_seen = order, starts, words, is_seen
        self._champion: Profile | None = None
        self._parent: Profile | None = None
        self._crowned = self._begun = START
        self._challenger: Profile | None = None
        self._minutes: dict[tuple[int, int], float | None] = {}
        self._profiles: list[Profile] = []
        self.newest: Profile | None = None
        self.trainings = self.promoted = self.rejected = self.retired = 0

    def play(self) -> list[Judged]:
        judged = []
        for month in range(MONTHS):
            now = START + month * MONTH
            if month:
                self._decide(now)
            for number, start in enumerate(self._starts):
                if now <= start < now + MONTH and not self._is_seen[number]:
                    judged.append(self._judged(number))
        return judged

    def _judged(self, number: int) -> Judged:
        one = self._order[number]
        return Judged(
            group=one.group,
            is_bad=one.is_bad,
            rules_min=self._minute(number, None),
            champion_min=self._minute(number, self._champion),
            newest_min=self._minute(number, self.newest),
            watched_min=one.lesson.watched_min,
        )

    def _minute(self, number: int, profile: Profile | None) -> float | None:
        place = -1
        if profile is not None:
            if profile not in self._profiles:
                self._profiles.append(profile)
            place = self._profiles.index(profile)
        if (number, place) not in self._minutes:
            found = minute_under(self._order[number].lesson, self._policy, profile)
            self._minutes[number, place] = found
        return self._minutes[number, place]

    def _decide(self, now: datetime) -> None:
        """Do once a month what the learner does all the time."""
        lessons = self._lessons(now)
        if self._challenger is not None:
            trials = self._trials(lessons, self._begun, self._champion, self._challenger)
            ruling = of_challenger(trials, now - self._begun)
            if ruling.stage is ModelStage.CHAMPION:
                self._parent, self._champion = self._champion, self._challenger
                self._challenger, self._crowned = None, now
                self.promoted += 1
            elif ruling.stage is ModelStage.REJECTED:
                self._challenger = None
                self.rejected += 1
        elif self._champion is not None:
            trials = self._trials(lessons, self._crowned, self._champion, self._parent)
            beside = [
                replace(trial, champion_min=trial.challenger_min, challenger_min=trial.champion_min)
                for trial in trials
            ]
            if of_champion(trials, beside).stage is ModelStage.RETIRED:
                self._champion, self._parent = self._parent, None
                self.retired += 1
        if sum(lesson.has_label for _, lesson in lessons) < LEAST_LABELLED:
            return
        self.newest = learnt_profile([lesson for _, lesson in lessons], self._policy)
        self.trainings += 1
        if self._challenger is None and self.newest != self._champion:
            self._challenger, self._begun = self.newest, now

    def _lessons(self, now: datetime) -> list[tuple[int, Lesson]]:
        """Return the releases seen so far with what is known of them by now."""
        places = [
            number for number, start in enumerate(self._starts) if start < now and self._is_seen[number]
        ]
        if not places:
            return []
        ages_h = np.array([(now - self._starts[number]) / timedelta(hours=1) for number in places])
        known = [self._order[number] for number in places]
        p_bad, weight, has_label = posteriors(known, [self._words[number] for number in places], ages_h)
        return [
            (
                number,
                replace(
                    moved(one.lesson, number, self._starts[number]),
                    p_bad=float(p_bad[place]),
                    weight=float(weight[place]),
                    has_label=has_label[place],
                ),
            )
            for place, (number, one) in enumerate(zip(places, known, strict=True))
        ]

    def _trials(
        self,
        lessons: Sequence[tuple[int, Lesson]],
        since: datetime,
        champion: Profile | None,
        challenger: Profile | None,
    ) -> list[Trial]:
        trials = []
        for number, lesson in lessons:
            if lesson.started_at < since:
                continue
            lived = self._minute(number, champion)
            tried = self._minute(number, challenger)
            # Once it is taken back it is seen no further: what would have called it later never does.
            is_cut_off = lived is not None and (tried is None or tried > lived)
            trials.append(
                Trial(
                    release=lesson.release,
                    service=lesson.key,
                    p_bad=lesson.p_bad,
                    weight=lesson.weight,
                    alpha=self._policy.rules["*/*"].judge.alpha,
                    champion_min=lived,
                    challenger_min=None if is_cut_off else tried,
                    watched_min=lived if is_cut_off and lived is not None else lesson.watched_min,
                    is_cut_off=is_cut_off,
                )
            )
        return trials
