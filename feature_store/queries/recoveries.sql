-- recoveries: Whether actions helped, and how long everything took from the first bad interval on; one row a judgement.
-- recovery: id of the judgement
-- command: id of the command whose effect is judged
-- release: release id; of a failure without a release, the failure's
-- environment: deployment environment
-- service: service
-- happened_at: when it was judged
-- recovery_kind: recovered, not_recovered, worse or unknown
-- command_kind: undo, restart, scale ...: see docs/actions.md
-- first_bad_at: start of the first bad interval: no request before it was bad, the first that was came up to an interval later
-- acted_at: when the action had taken effect
-- recovered_at: end of the first interval from which on all was well; null unless recovered
-- seconds_to_detect: from first_bad_at to the first harmful verdict; null for a failure that no verdict was about
-- seconds_to_decide: from that verdict to the decision
-- seconds_to_approve: from the decision to the order: what a human took, and earlier steps of a playbook
-- seconds_to_act: from the order to acted_at
-- seconds_to_recover: from acted_at to recovered_at; below 0 where the last bad pod went before the last good one came
-- mttr_s: from first_bad_at to recovered_at, in seconds: the time to recovery, and the sum of the five
-- text: before, during and after, in numbers
CREATE VIEW recoveries AS
WITH judged AS (
    SELECT *, CAST(body->>'$.first_bad_at' AS TIMESTAMPTZ) AS damaged_at,
           CAST(body->>'$.acted_at' AS TIMESTAMPTZ) AS acted_at,
           CAST(body->>'$.recovered_at' AS TIMESTAMPTZ) AS recovered_at
    FROM effects
    WHERE kind = 'recovery'
),
detected AS (
    SELECT release, min(happened_at) AS detected_at
    FROM verdicts
    WHERE verdict_kind = 'harmful'
    GROUP BY release
)
SELECT judged.id AS recovery, judged.about AS command, judged.release, judged.environment, judged.service,
       judged.happened_at, judged.recovery_kind, commands.command_kind,
       damaged_at AS first_bad_at, acted_at, recovered_at,
       epoch(detected_at - damaged_at) AS seconds_to_detect,
       epoch(decisions.happened_at - detected_at) AS seconds_to_decide,
       epoch(commands.happened_at - decisions.happened_at) AS seconds_to_approve,
       epoch(acted_at - commands.happened_at) AS seconds_to_act,
       epoch(recovered_at - acted_at) AS seconds_to_recover,
       epoch(recovered_at - damaged_at) AS mttr_s, judged.text
FROM judged
LEFT JOIN commands ON commands.command = judged.about
LEFT JOIN decisions ON decisions.decision = commands.decision
LEFT JOIN detected ON detected.release = judged.release;
