"""Columns of the journal's files, and what people read of them."""

from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """Type of a column, independent of who stores it. INSTANT is microseconds, UTC."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the journal's files; `about` is what people read of it."""

    name: str
    type: ColumnType
    about: str


_TEXT, _INTEGER, _NUMBER = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER
_FLAG, _INSTANT = ColumnType.FLAG, ColumnType.INSTANT

# A column may be appended here; one that is renamed or removed makes older files unreadable by name.
# `at` and `by` are reserved words of DuckDB's SQL, hence `happened_at` and `answered_by`.
COLUMNS = (
    Column("effect_id", _TEXT, "derived from cause and index: equal for a repeat"),
    Column("kind", _TEXT, "what was said; one of feature_store.kinds.Kind"),
    Column("happened_at", _INSTANT, "when, by the time of the log, not of the machine"),
    Column("environment", _TEXT, "deployment environment; null for settings"),
    Column("service", _TEXT, "service; null where the effect concerns an environment"),
    Column("release", _TEXT, "release id"),
    Column("version", _TEXT, "service version, where the effect names it"),
    Column("id", _TEXT, "id of the verdict, hold, command and so on itself"),
    Column("about", _TEXT, "id of what it refers to: a hold's decision, an approval's hold, ..."),
    Column("text", _TEXT, "the sentence that goes with it"),
    Column("verdict_kind", _TEXT, "verdict, decision: healthy, harmful, inconclusive, nodata, broken"),
    Column("ordinal", _INTEGER, "verdict: 1 for the release's first; a later one replaces it"),
    Column("is_final", _FLAG, "verdict: the watch is over"),
    Column(
        "confidence",
        _NUMBER,
        "verdict, decision: in [0, 1]; labelled: how far it is trusted",
    ),
    Column("alpha", _NUMBER, "verdict: false-rollback budget of the release"),
    Column("first_bad_at", _INSTANT, "verdict, decision: start of the first interval that counts against it"),
    Column("signal", _TEXT, "evidence: signal name"),
    Column("detector", _TEXT, "evidence: which test weighed it"),
    Column("edge", _TEXT, "evidence: caller, route:/pay for a route, or empty for all requests"),
    Column("log_e", _NUMBER, "evidence: natural logarithm of the e-value; suspicion: own evidence"),
    Column("threshold_log_e", _NUMBER, "evidence: log_e that convicts"),
    Column("playbook", _TEXT, "decision: rollback, promote, page, nothing"),
    Column("rule", _TEXT, "decision: line of the policy that decided"),
    Column("needs_approval", _FLAG, "decision: a human must agree first"),
    Column("guard", _TEXT, "held, denied; decision: what stood in its way at once"),
    Column("expires_at", _INSTANT, "held, command, freeze: valid until"),
    Column("command_kind", _TEXT, "command, outcome: undo, promote"),
    Column("template", _TEXT, "release_opened, command, failure_seen: pod-template hash"),
    Column("expected_template", _TEXT, "command: template that is being replaced"),
    Column("approved_by", _TEXT, "command: name via channel; empty when nobody had to agree"),
    Column("outcome_kind", _TEXT, "outcome: done, already_done, failed, refused"),
    Column("template_before", _TEXT, "outcome: template that ran before"),
    Column("template_after", _TEXT, "outcome: template that runs now, as read back"),
    Column("started_at", _INSTANT, "start of the release (of a decision, too), the action, the failure"),
    Column("recovery_kind", _TEXT, "recovery: recovered, not_recovered, worse, unknown"),
    Column("answer", _TEXT, "approval, hold_changed, smoke_tested, labelled, explained, model: which"),
    Column(
        "answered_by",
        _TEXT,
        "approval, freeze, kill_switch, what came afterwards: who",
    ),
    Column("channel", _TEXT, "approval: how it came; labelled: where it comes from; model: its family"),
    Column("is_on", _FLAG, "kill_switch: on or off"),
    Column("settings", _TEXT, "verdict, decision, settings: digest of the settings"),
    Column("key", _TEXT, "key of the state that said it"),
    Column("cause_topic", _TEXT, "topic of the observation that caused it"),
    Column("cause_partition", _INTEGER, "its partition"),
    Column("cause_offset", _INTEGER, "its offset"),
    Column("effect_index", _INTEGER, "which of that observation's effects"),
    Column("log_partition", _INTEGER, "partition of the effects topic"),
    Column("log_offset", _INTEGER, "offset in the effects topic"),
    Column("body", _TEXT, "the whole effect as JSON"),
    Column("team", _TEXT, "release_opened: who owns the service; empty when nobody said"),
    Column("committed_at", _INSTANT, "release_opened: when the version's newest commit was made"),
    Column("code", _TEXT, "digest of the code that said it; null before it was written down"),
    Column("cause_digest", _TEXT, "SHA-256 of the observation that caused it"),
    Column("is_explored", _FLAG, "decision: put off to learn of it; null where it could not have been"),
    Column("explored_until", _INSTANT, "decision: when it is carried out at the latest, if it is put off"),
    Column("explored_share", _NUMBER, "decision: share of such rollbacks that is put off, in (0, 1]"),
)
