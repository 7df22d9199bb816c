-- recoveries: Whether actions helped; one row a judgement.
-- recovery: id of the judgement
-- command: id of the command whose effect is judged
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it was judged
-- recovery_kind: recovered, not_recovered, worse or unknown
-- text: before, during and after, in numbers
CREATE VIEW recoveries AS
SELECT id AS recovery, about AS command, release, environment, service, happened_at, recovery_kind, text
FROM effects
WHERE kind = 'recovery';
