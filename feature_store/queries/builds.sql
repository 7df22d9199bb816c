-- builds: What the gate before a deploy said of builds, one row each time it was asked; the newest of a version counts.
-- build: id
-- environment: deployment environment that the build was meant for
-- service: service
-- version: service version that the build has
-- happened_at: when it was asked
-- outcome: pass, warn, fail or hold
-- score: weighted, 0 to 100; null when nothing could be judged
-- failure_chance: chance that the release will have to be taken back, in (0, 1)
-- model: id of the model that says so; empty for the shipped prior
-- author: who wrote the change, as the pipeline names them; empty when nobody said
-- source_commit: revision of the source; empty when nobody said
-- indicators: numbers about the build and its change, by name
-- release: release id of this version's first deploy that came after; null while there was none
CREATE VIEW builds AS
WITH assessed AS (
    SELECT id AS build, environment, service, version, happened_at, answer AS outcome,
           CAST(body->>'$.score' AS DOUBLE) AS score,
           CAST(body->>'$.failure_chance' AS DOUBLE) AS failure_chance,
           about AS model, answered_by AS author, body->>'$.commit' AS source_commit,
           map_from_entries(
               from_json(body->'$.indicators', '[{"name": "VARCHAR", "value": "DOUBLE"}]')
           ) AS indicators
    FROM effects
    WHERE kind = 'build_assessed'
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY log_partition, log_offset) = 1
),
opened AS (
    SELECT environment, service, version, started_at, min(release) AS release
    FROM effects
    WHERE kind = 'release_opened'
    GROUP BY ALL
)
SELECT assessed.*, opened.release
FROM assessed
ASOF LEFT JOIN opened
    ON assessed.environment = opened.environment AND assessed.service = opened.service
    AND assessed.version = opened.version AND assessed.happened_at <= opened.started_at;
