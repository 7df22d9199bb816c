-- waits: How long humans were waited for; one row for each guard, channel, hour of the day and ending.
-- environment: deployment environment
-- guard: which guardrail held
-- hour: hour of the day, UTC, in which the question was put: 0 to 23
-- channel: how the answer came: slack, pagerduty, console, cli ...; empty when none did
-- ended: granted, rejected, expired, withdrawn, or open while it waits
-- holds: how many
-- seconds_median: how long it took, in seconds; null for open
-- seconds_p90: nine of ten took no longer
-- seconds_most: the longest
CREATE VIEW waits AS
WITH refused AS (
    SELECT decision, max_by(guard, happened_at) AS ended, max(happened_at) AS ended_at
    FROM denials
    WHERE guard IN ('rejected', 'expired')
    GROUP BY decision
),
answered AS (
    SELECT hold, max_by(channel, happened_at) AS channel
    FROM approvals
    GROUP BY hold
),
waited AS (
    SELECT environment, holds.guard, hour(holds.happened_at) AS hour,
           -- A journal older than changes of holds says how a question ended by what became of its decision.
           coalesce(holds.ended, refused.ended, 'open') AS ended,
           CASE WHEN answered_by IS NULL THEN ''
                ELSE coalesce(nullif(regexp_extract(answered_by, ' via (\S+)$', 1), ''), answered.channel, '')
           END AS channel,
           epoch(coalesce(holds.ended_at, refused.ended_at) - holds.happened_at) AS seconds
    FROM holds
    LEFT JOIN refused USING (decision)
    LEFT JOIN answered USING (hold)
    -- What cannot be answered waits for no human.
    WHERE holds.expires_at IS NOT NULL
)
SELECT environment, guard, hour, channel, ended, count(*) AS holds, quantile_cont(seconds, 0.5) AS seconds_median,
       quantile_cont(seconds, 0.9) AS seconds_p90, max(seconds) AS seconds_most
FROM waited
GROUP BY environment, guard, hour, channel, ended
ORDER BY environment, guard, hour, channel, ended;
