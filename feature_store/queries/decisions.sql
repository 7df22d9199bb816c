-- decisions: Playbooks that were chosen, and why; one row a decision.
-- decision: id of the decision
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- happened_at: when
-- day: day of that, in UTC
-- week: Monday of that week, in UTC
-- playbook: rollback, promote, page, remedy or nothing
-- rule: line of the policy that decided
-- needs_approval: a human must agree before anything changes
-- guard: what held or denied it at once; null when nothing did, and in rows that an older version wrote
-- confidence: of the verdict behind it
-- why: as a sentence
-- alternatives: what else was considered, and why not
-- suspects: releases by blame, most to blame first, as JSON
-- verdict: id of the verdict that led here
-- verdict_kind: its kind; null where a failure or a smoke test led here, and in rows that an older version wrote
-- started_at: start of the release; null without one, and in rows that an older version wrote
-- first_bad_at: when the damage began; null without any, and in rows that an older version wrote
-- seconds_from_damage: from first_bad_at to the decision
-- remedy: playbook and version whose steps follow; empty for none
-- failure: id of the failure that it is about; empty for a verdict
-- settings: digest of the policy that decided
-- is_explored: put off to learn what the release does; false where it could have been, null where it could not
-- explored_until: when it is carried out at the latest; null unless it is put off
-- explored_share: share of such rollbacks that the policy puts off; null where it could not have been
CREATE VIEW decisions AS
SELECT id AS decision, release, environment, service, version, happened_at,
       -- What stands in a zone goes through a calendar, which takes ten times as long; all of it is UTC.
       CAST(make_timestamp(epoch_us(happened_at)) AS DATE) AS day,
       CAST(date_trunc('week', make_timestamp(epoch_us(happened_at))) AS DATE) AS week,
       playbook, rule, needs_approval, guard, confidence, text AS why,
       CAST(body->'$.alternatives' AS VARCHAR[]) AS alternatives, body->'$.suspects' AS suspects,
       about AS verdict, verdict_kind, started_at, first_bad_at,
       (epoch_us(happened_at) - epoch_us(first_bad_at)) / 1e6 AS seconds_from_damage,
       coalesce(body->>'$.remedy', '') AS remedy, coalesce(body->>'$.failure', '') AS failure, settings,
       is_explored, explored_until, explored_share
FROM effects
WHERE kind = 'decision';
