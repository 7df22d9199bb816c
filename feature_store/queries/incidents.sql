-- incidents: Harmful releases and failures, from the first sign to recovery; one row an incident.
-- incident: release id, or id of the failure
-- incident_kind: release or failure
-- what: harmful release, or how the service failed: crash_loop, saturation ...
-- environment: deployment environment
-- service: service
-- version: service version; empty when unknown
-- first_bad_at: start of the first bad interval, or when the first pod began to fail
-- detected_at: first harmful verdict, or when the failure was told first
-- decided_at: first decision about it
-- ordered_at: when the action that ended it was ordered, or the last one; null when none was
-- acted_at: when that had taken effect
-- recovered_at: end of the first interval from which on all was well; of a failure, when it was gone
-- playbook: of the decision: rollback, remedy or page
-- action: what was ordered: undo, restart ...: see docs/actions.md
-- actions: how many orders there were
-- approved_by: who agreed to that action; empty when nobody had to
-- outcome: recovered, not_recovered, worse, unknown, or open while nothing of it is known
-- seconds_to_detect: from first_bad_at to detected_at
-- seconds_to_decide: from detected_at to decided_at
-- seconds_to_approve: from decided_at to ordered_at: what a human took, and earlier steps of a playbook
-- seconds_to_act: from ordered_at to acted_at
-- seconds_to_recover: from acted_at to recovered_at; below 0 where the last bad pod went before the last good one came
-- mttr_s: from first_bad_at to recovered_at, in seconds: the time to recovery
-- text: the strongest reason, or what was seen to fail
CREATE VIEW incidents AS
WITH known AS (
    SELECT release AS incident, 'release' AS incident_kind, 'harmful release' AS what,
           max(environment) AS environment, max(service) AS service, max(version) AS version,
           min(first_bad_at) AS first_bad_at, min(happened_at) AS detected_at,
           CAST(NULL AS TIMESTAMPTZ) AS cleared_at, max_by(reason, ordinal) AS text
    FROM verdicts
    WHERE verdict_kind = 'harmful'
    GROUP BY release
    UNION ALL
    SELECT failure, 'failure', pattern, environment, service, version, since, seen_at, cleared_at, text
    FROM failures
),
decided AS (
    SELECT incident, decision, playbook, decisions.happened_at AS decided_at
    FROM decisions
    JOIN known ON incident = CASE WHEN failure <> '' THEN failure ELSE release END
    WHERE playbook IN ('rollback', 'remedy', 'page') AND decisions.happened_at >= detected_at
),
first_decided AS (
    SELECT incident, min(decided_at) AS decided_at, min_by(playbook, decided_at) AS playbook
    FROM decided
    GROUP BY incident
),
acted AS (
    SELECT incident, commands.command, commands.command_kind AS action, commands.happened_at AS ordered_at,
           commands.approved_by, ended.happened_at AS ended_at, recoveries.recovery_kind,
           recoveries.recovered_at
    FROM decided
    JOIN commands USING (decision)
    LEFT JOIN (FROM outcomes WHERE outcome_kind IN ('done', 'already_done')) AS ended
        ON ended.command = commands.command
    LEFT JOIN recoveries ON recoveries.command = commands.command
    WHERE NOT commands.is_rehearsal
),
last_acted AS (
    -- The one that helped, else the last one.
    SELECT *, count(*) OVER (PARTITION BY incident) AS actions
    FROM acted
    QUALIFY row_number() OVER (
        PARTITION BY incident
        ORDER BY coalesce(recovery_kind = 'recovered', false) DESC, ordered_at DESC, command
    ) = 1
),
timed AS (
    SELECT *, coalesce(cleared_at, last_acted.recovered_at) AS well_at
    FROM known
    LEFT JOIN first_decided USING (incident)
    LEFT JOIN last_acted USING (incident)
)
SELECT incident, incident_kind, what, environment, service, version, first_bad_at, detected_at, decided_at,
       ordered_at, ended_at AS acted_at, well_at AS recovered_at, playbook, action,
       coalesce(actions, 0) AS actions, coalesce(approved_by, '') AS approved_by,
       CASE WHEN well_at IS NOT NULL THEN 'recovered' ELSE coalesce(recovery_kind, 'open') END AS outcome,
       epoch(detected_at - first_bad_at) AS seconds_to_detect,
       epoch(decided_at - detected_at) AS seconds_to_decide,
       epoch(ordered_at - decided_at) AS seconds_to_approve,
       epoch(ended_at - ordered_at) AS seconds_to_act,
       epoch(well_at - ended_at) AS seconds_to_recover,
       epoch(well_at - first_bad_at) AS mttr_s, text
FROM timed
ORDER BY detected_at DESC, incident;
