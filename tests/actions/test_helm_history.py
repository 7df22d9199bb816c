"""Which revision of a Helm release to roll back to: one candidate, or none."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.helm_history import Revision, history_of, way_back
from schemas.keys import TemplateHash
from schemas.releases import TargetKind

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


class Story:
    """A release and its Deployment's ReplicaSets, as Helm and the controller keep them."""

    def __init__(self) -> None:
        self.now = START
        self.history: list[Revision] = []
        self.ran: dict[int, str] = {}
        self.kept: dict[str, dict[str, Any]] = {}
        self.template = ""
        self.places = 0

    def upgrade(self, template: str, *, fails: bool = False) -> None:
        if self.history and self.history[-1].status == "deployed" and not fails:
            self.history[-1] = Revision(
                number=self.history[-1].number, status="superseded", created=self.history[-1].created
            )
        number = len(self.history) + 1
        self.history.append(
            Revision(number=number, status="failed" if fails else "deployed", created=self.now)
        )
        self.ran[number] = self.template if fails else template
        if not fails:
            self.use(template)

    def use(self, template: str) -> None:
        """Have the Deployment ask for a template."""
        if template == self.template:
            return
        self.template = template
        self.places += 1
        found = self.kept.get(template)
        if found is None:
            found = self.kept[template] = {
                "metadata": {
                    "labels": {"pod-template-hash": template},
                    "annotations": {},
                    "creationTimestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
            }
        notes = found["metadata"]["annotations"]
        if before := notes.get("deployment.kubernetes.io/revision"):
            notes["deployment.kubernetes.io/revision-history"] = before
        notes["deployment.kubernetes.io/revision"] = str(self.places)


STEPS = st.lists(
    st.tuples(st.sampled_from(["upgrade", "fail"]), st.sampled_from("abcd"), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=300)
@given(STEPS, st.sampled_from("abcd"))
def test_the_candidate_ran_the_good_template_where_helm_alone_changed_it(
    steps: list[tuple[str, str, int]], good: str
) -> None:
    story = Story()
    for what, template, seconds in steps:
        story.upgrade(template, fails=what == "fail")
        story.now += timedelta(seconds=seconds)
    way = way_back(
        tuple(story.history),
        list(story.kept.values()),
        TargetKind.DEPLOYMENT,
        TemplateHash(good),
        TemplateHash(story.template),
    )
    assert bool(way.revision) is not bool(way.why_not)
    if way.revision:
        assert story.ran[way.revision] == good


def told(*templates: str) -> Story:
    story = Story()
    for template in templates:
        story.upgrade(template)
        story.now += timedelta(minutes=1)
    return story


def asked(story: Story, good: str = "a", bad: str = "b") -> str:
    way = way_back(
        tuple(story.history),
        list(story.kept.values()),
        TargetKind.DEPLOYMENT,
        TemplateHash(good),
        TemplateHash(bad),
    )
    return way.why_not or str(way.revision)


def test_the_revision_before_the_bad_one_is_taken_though_an_older_one_had_the_template_too() -> None:
    assert asked(told("a", "a", "a", "b")) == "3"


def test_a_revision_that_came_after_the_bad_one_would_be_lost_with_it() -> None:
    assert asked(told("a", "b", "b")) == "revision 2 brought template b in, and 3 came since"


def test_a_rollback_of_ours_that_failed_is_no_revision_in_between() -> None:
    story = told("a", "b")
    story.upgrade("a", fails=True)
    assert asked(story) == "1"


def test_a_template_that_was_used_before_tells_no_instant() -> None:
    assert "for the first time" in asked(told("b", "a", "b"))


def test_two_templates_after_one_revision_tell_of_a_change_past_helm() -> None:
    story = told("z", "a")
    story.now += timedelta(minutes=1)
    story.use("b")
    assert asked(story) == "both templates were made after revision 2 began"


def test_a_template_that_is_not_kept_is_said() -> None:
    assert asked(told("a", "b"), good="z") == "template z is not kept any more"


def test_the_history_comes_from_labels_in_the_order_of_its_numbers() -> None:
    secrets = [
        {
            "metadata": {
                "labels": {"version": number, "status": "superseded"},
                "creationTimestamp": "2026-11-01T03:00:00Z",
            }
        }
        for number in ("10", "9")
    ]
    assert [one.number for one in history_of(secrets)] == [9, 10]
