-- outcomes: How commands ended; one row an outcome.
-- outcome: id of the outcome
-- command: id of the command
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it ended
-- command_kind: undo, promote, restart, scale, run_job ...: see docs/actions.md
-- outcome_kind: done, already_done, failed, refused, rehearsed or handed_over
-- detail: what was changed or what stood in the way, as a sentence
-- template_before: template hash that ran when the command arrived; empty when unknown
-- template_after: template hash that runs now, as read back; empty when unknown
-- owner: what owns the target: argocd, flux, helm, nobody; empty where nobody looked
-- strategy: what was chosen because of it, as a sentence
-- drift: what is different now from what the owner's source says
-- link: where a human goes on, such as a pull request
-- seconds: how long it took
CREATE VIEW outcomes AS
SELECT id AS outcome, about AS command, release, environment, service, happened_at, command_kind,
       outcome_kind, text AS detail, template_before, template_after,
       coalesce(body->>'$.outcome.ownership.owner', '') AS owner,
       coalesce(body->>'$.outcome.ownership.strategy', '') AS strategy,
       coalesce(body->>'$.outcome.ownership.drift', '') AS drift,
       coalesce(body->>'$.outcome.ownership.link', '') AS link,
       epoch(happened_at - started_at) AS seconds
FROM effects
WHERE kind = 'outcome';
