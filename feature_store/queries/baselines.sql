-- baselines: What is usual of each signal, as the last ten good releases showed it; one row a signal and edge.
-- environment: deployment environment
-- service: service
-- signal: name of the signal
-- edge: caller, or route:/pay for a route; empty for all requests
-- releases: how many good releases are behind the numbers, at most ten
-- level: median of their levels at the end of their watch, in the signal's unit
-- spread: median distance of their levels from that, times 1.4826: of normal noise its standard deviation
-- lowest: their lowest level
-- highest: their highest level
-- exposure: requests or readings behind their levels, together
-- control_level: level of what the newest of them was compared with
-- control_exposure: requests or readings behind that
-- comparison: what the newest was compared with, in words
-- since: end of the oldest one's watch
-- until: end of the newest one's watch
CREATE VIEW baselines AS
WITH good AS (
    SELECT release
    FROM verdicts
    GROUP BY release
    HAVING max_by(verdict_kind = 'healthy' AND is_final, ordinal)
),
seen AS (
    -- The last look at each is the one with all of its exposure.
    SELECT environment, service, signal, edge, release,
           max_by(struct_pack(level := canary_level, exposure := canary_exposure,
                              control_level := control_level, control_exposure := control_exposure,
                              comparison := comparison), happened_at) AS look,
           max(happened_at) AS seen_at
    FROM evidence
    WHERE release IN (SELECT release FROM good)
    GROUP BY ALL
),
newest AS (
    FROM seen
    WHERE look.level IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY environment, service, signal, edge
                               ORDER BY seen_at DESC, release) <= 10
)
SELECT environment, service, signal, edge, count(*) AS releases, median(look.level) AS level,
       1.4826 * mad(look.level) AS spread, min(look.level) AS lowest, max(look.level) AS highest,
       sum(look.exposure) AS exposure, max_by(look, seen_at).control_level AS control_level,
       max_by(look, seen_at).control_exposure AS control_exposure,
       max_by(look, seen_at).comparison AS comparison, min(seen_at) AS since, max(seen_at) AS until
FROM newest
GROUP BY environment, service, signal, edge
ORDER BY environment, service, signal, edge;
