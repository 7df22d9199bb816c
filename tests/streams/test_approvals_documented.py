"""What docs/approvals.md says is what the code reads."""

import re
from pathlib import Path

from actions.policy_file import parse_policy
from schemas.keys import EnvironmentName, ServiceName
from streams.approval_settings import ApprovalPace, read_approval_pace

TEXT = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text(encoding="utf-8")


def test_the_policy_that_is_shown_is_one() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    policy = parse_policy(block)
    _, rule = policy.rule(EnvironmentName("prod"), ServiceName("cart"))
    asked = rule.gate.approval
    assert (asked.approvers, asked.quorum, asked.escalate_to) == (("group:sre",), 2, ("eve",))
    assert policy.people["ada"].groups == ("sre",)


def test_every_setting_that_is_named_is_read() -> None:
    named = set(re.findall(r"SUTURE_APPROVAL_[A-Z_]+", TEXT))
    pace = read_approval_pace(dict.fromkeys(named, "7"))
    assert named == {f"SUTURE_APPROVAL_{name.upper()}_SECONDS" for name in ApprovalPace.__dataclass_fields__}
    assert {getattr(pace, name).total_seconds() for name in ApprovalPace.__dataclass_fields__} == {7.0}
