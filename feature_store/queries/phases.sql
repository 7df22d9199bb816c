-- phases: Where the time went of each harmful release, from damage to recovery; one row a release.
-- release: release id
-- environment: deployment environment
-- service: service
-- team: who owns the service; empty when nobody said
-- version: service version
-- damaged_at: start of the first bad interval
-- seconds_to_evidence: from damaged_at to the first evidence that speaks against it
-- seconds_to_verdict: from that evidence to the verdict harmful
-- seconds_to_decision: from the verdict to the decision: what blame waited for neighbours
-- seconds_waiting: of the time from the decision on, what a question to humans stood open; 0 where nobody was asked
-- seconds_to_command: the rest of the time from the decision to the order
-- seconds_to_outcome: from the order to what it changed
-- seconds_to_recovery: from there to the end of the first interval from which on all was well
-- mttd_s: from damaged_at to the verdict: the time to detect
-- mttr_s: from damaged_at to recovery: the time to recover, and the sum of the seven; null while not recovered
-- ended: how the question to humans ended: granted, rejected, expired, withdrawn or open; empty where nobody was asked
-- outcome: recovered, not_recovered, worse, unknown, or open while nothing of it is known
CREATE VIEW phases AS
WITH suspected AS (
    SELECT incident, min(evidence.happened_at) AS evidence_at
    FROM incidents
    JOIN evidence ON evidence.release = incident
    WHERE log_e > 0 AND evidence.happened_at > first_bad_at AND evidence.happened_at <= detected_at
    GROUP BY incident
),
asked AS (
    -- Questions of one release follow one another, and the time between two of them is a human's, too.
    SELECT incident, min(holds.happened_at) AS asked_at,
           if(bool_or(ended_at IS NULL), NULL, max(ended_at)) AS ended_at,
           max_by(coalesce(ended, 'open'), holds.happened_at) AS ended
    FROM incidents
    JOIN holds ON holds.release = incident AND holds.happened_at >= decided_at
    WHERE ordered_at IS NULL OR holds.happened_at <= ordered_at
    GROUP BY incident
),
opened AS (
    SELECT release, max(team) AS team
    FROM effects
    WHERE kind = 'release_opened'
    GROUP BY release
),
timed AS (
    SELECT incidents.*, coalesce(team, '') AS team, asked.ended, coalesce(evidence_at, detected_at) AS evidence_at,
           CASE WHEN asked_at IS NULL THEN 0
                ELSE epoch(least(asked.ended_at, ordered_at) - asked_at) END AS waited_s
    FROM incidents
    LEFT JOIN suspected USING (incident)
    LEFT JOIN asked USING (incident)
    LEFT JOIN opened ON opened.release = incident
    WHERE incident_kind = 'release'
)
SELECT incident AS release, environment, service, team, version, first_bad_at AS damaged_at,
       epoch(evidence_at - first_bad_at) AS seconds_to_evidence,
       epoch(detected_at - evidence_at) AS seconds_to_verdict, seconds_to_decide AS seconds_to_decision,
       waited_s AS seconds_waiting, seconds_to_approve - waited_s AS seconds_to_command,
       seconds_to_act AS seconds_to_outcome, seconds_to_recover AS seconds_to_recovery,
       seconds_to_detect AS mttd_s, mttr_s, coalesce(ended, '') AS ended, outcome
FROM timed
ORDER BY damaged_at DESC, release;
