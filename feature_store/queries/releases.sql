-- releases: One row a release, with the latest of everything that was said of it.
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- started_at: when the deploy event says it began; null when the journal starts later
-- state: watching, held, rejected, expired, denied, rolling_back, rolled_back, rollback_failed, promoting, promoted, promotion_failed, or the last verdict once nothing more will happen
-- verdict: latest verdict: healthy, harmful, inconclusive, nodata or broken
-- verdict_at: when it was reached
-- is_final: the watch is over
-- confidence: of the latest verdict
-- reason: its strongest reason
-- first_bad_at: start of the first interval that counts against the release
-- playbook: latest decision: rollback, promote, page or nothing
-- decided_at: when it was decided
-- decision_why: why, as a sentence
-- rule: line of the policy that decided
-- guard: guardrail of the latest hold or denial
-- guard_reason: what it says
-- answer: latest answer that ended a question: approve or reject
-- answered_by: who
-- answered_at: when
-- action: latest command: undo or promote
-- action_at: when it was issued
-- approved_by: who agreed to it; empty when nobody had to
-- outcome: how it ended: done, already_done, failed or refused; null while it runs
-- outcome_at: when
-- outcome_detail: what was changed or what stood in the way
-- undone_at: when the first undo was done
-- recovery: recovered, not_recovered, worse or unknown
-- recovery_at: when that was judged
-- recovery_text: before, during and after, in numbers
-- closed_at: when the watch ended
-- closed_why: why it ended
-- seconds_to_undo: from the start of the release to undone_at
-- seconds_from_damage_to_undo: from first_bad_at to undone_at
CREATE VIEW releases AS
WITH facts AS (
    -- Service and environment speak on different partitions: time orders them, the log breaks ties.
    SELECT *, struct_pack(happened_at := happened_at, log_offset := log_offset) AS place
    FROM effects
    WHERE release IS NOT NULL
      -- Orders about a failure, or given by hand, bear an id that is no release's.
      AND release NOT IN (SELECT about FROM effects WHERE kind = 'failure_seen')
),
latest AS (
    SELECT
        release,
        max(environment) AS environment,
        max(service) AS service,
        max(version) AS version,
        min(started_at) FILTER (kind = 'release_opened') AS started_at,
        min(happened_at) AS first_at,
        max_by(struct_pack(kind := verdict_kind, at_ := happened_at, is_final := is_final,
                           confidence := confidence, reason := text), ordinal)
            FILTER (kind = 'verdict') AS verdict,
        max_by(first_bad_at, ordinal) FILTER (kind = 'verdict') AS first_bad_at,
        max_by(struct_pack(playbook := playbook, at_ := happened_at, why := text, rule := rule), place)
            FILTER (kind = 'decision') AS decision,
        max_by(struct_pack(guard := guard, reason := text), place)
            FILTER (kind IN ('held', 'denied')) AS guarded,
        max_by(struct_pack(id := id, kind := command_kind, at_ := happened_at, approved_by := approved_by),
               place)
            FILTER (kind = 'command') AS command,
        max_by(struct_pack(command := about, kind := outcome_kind, at_ := happened_at, detail := text), place)
            FILTER (kind = 'outcome') AS outcome,
        min(happened_at) FILTER (kind = 'outcome' AND command_kind = 'undo'
                                 AND outcome_kind IN ('done', 'already_done')) AS undone_at,
        max_by(struct_pack(kind := recovery_kind, at_ := happened_at, text := text), place)
            FILTER (kind = 'recovery') AS recovery,
        max_by(struct_pack(at_ := happened_at, why := text), place) FILTER (kind = 'release_closed') AS closed,
        max_by(kind, place) FILTER (kind IN ('held', 'denied', 'command', 'outcome')) AS last_act
    FROM facts
    GROUP BY release
    HAVING bool_or(kind NOT IN ('outcome', 'recovery', 'page'))
),
answered AS (
    SELECT release, max_by(answer, answered_at) AS answer, max_by(answered_by, answered_at) AS answered_by,
           max(answered_at) AS answered_at
    FROM holds
    WHERE answer IS NOT NULL
    GROUP BY release
)
SELECT
    release, environment, service, version, started_at,
    CASE
        WHEN undone_at IS NOT NULL THEN 'rolled_back'
        WHEN last_act = 'held' THEN 'held'
        WHEN last_act = 'denied' AND guarded.guard IN ('rejected', 'expired') THEN guarded.guard
        WHEN last_act = 'denied' THEN 'denied'
        WHEN last_act = 'command' AND command.kind = 'undo' THEN 'rolling_back'
        WHEN last_act = 'command' THEN 'promoting'
        WHEN last_act = 'outcome' AND command.kind = 'undo' THEN 'rollback_failed'
        WHEN last_act = 'outcome' AND outcome.kind IN ('done', 'already_done') THEN 'promoted'
        WHEN last_act = 'outcome' THEN 'promotion_failed'
        WHEN verdict.is_final OR closed.at_ IS NOT NULL THEN coalesce(verdict.kind, 'inconclusive')
        ELSE 'watching'
    END AS state,
    verdict.kind AS verdict, verdict.at_ AS verdict_at, verdict.is_final AS is_final,
    verdict.confidence AS confidence, verdict.reason AS reason, first_bad_at,
    decision.playbook AS playbook, decision.at_ AS decided_at, decision.why AS decision_why,
    decision.rule AS rule, guarded.guard AS guard, guarded.reason AS guard_reason,
    answered.answer, answered.answered_by, answered.answered_at,
    command.kind AS action, command.at_ AS action_at, command.approved_by AS approved_by,
    -- An outcome of an earlier command says nothing about this one.
    CASE WHEN outcome.command = command.id THEN outcome.kind END AS outcome,
    CASE WHEN outcome.command = command.id THEN outcome.at_ END AS outcome_at,
    CASE WHEN outcome.command = command.id THEN outcome.detail END AS outcome_detail,
    undone_at, recovery.kind AS recovery, recovery.at_ AS recovery_at, recovery.text AS recovery_text,
    closed.at_ AS closed_at, closed.why AS closed_why,
    epoch(undone_at - started_at) AS seconds_to_undo,
    epoch(undone_at - first_bad_at) AS seconds_from_damage_to_undo
FROM latest
LEFT JOIN answered USING (release)
ORDER BY coalesce(started_at, first_at) DESC, release;
