-- denials: Decisions that will not be carried out; one row a denial.
-- denial: id of the denial
-- decision: id of the decision
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when
-- guard: which guardrail denied it
-- reason: as a sentence
CREATE VIEW denials AS
SELECT id AS denial, about AS decision, release, environment, service, happened_at, guard, text AS reason
FROM effects
WHERE kind = 'denied';
