-- decisions: Playbooks that were chosen, and why; one row a decision.
-- decision: id of the decision
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- happened_at: when
-- playbook: rollback, promote, page, remedy or nothing
-- rule: line of the policy that decided
-- needs_approval: a human must agree before anything changes
-- confidence: of the verdict behind it
-- why: as a sentence
-- alternatives: what else was considered, and why not
-- suspects: releases by blame, most to blame first, as JSON
-- verdict: id of the verdict that led here
-- remedy: playbook and version whose steps follow; empty for none
-- failure: id of the failure that it is about; empty for a verdict
-- settings: digest of the policy that decided
CREATE VIEW decisions AS
SELECT id AS decision, release, environment, service, version, happened_at, playbook, rule, needs_approval,
       confidence, text AS why, CAST(body->'$.alternatives' AS VARCHAR[]) AS alternatives,
       body->'$.suspects' AS suspects, about AS verdict,
       coalesce(body->>'$.remedy', '') AS remedy, coalesce(body->>'$.failure', '') AS failure, settings
FROM effects
WHERE kind = 'decision';
