-- outcomes: How commands ended; one row an outcome.
-- outcome: id of the outcome
-- command: id of the command
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it ended
-- command_kind: undo or promote
-- outcome_kind: done, already_done, failed or refused
-- detail: what was changed or what stood in the way, as a sentence
-- template_before: template hash that ran when the command arrived; empty when unknown
-- template_after: template hash that runs now, as read back; empty when unknown
-- seconds: how long it took
CREATE VIEW outcomes AS
SELECT id AS outcome, about AS command, release, environment, service, happened_at, command_kind,
       outcome_kind, text AS detail, template_before, template_after,
       epoch(happened_at - started_at) AS seconds
FROM effects
WHERE kind = 'outcome';
