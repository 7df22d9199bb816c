-- commands: Orders to bring a target to a template; one row a command.
-- command: id of the command
-- decision: id of the decision behind it
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it was issued
-- command_kind: undo, promote, restart, scale, run_job ...: see docs/actions.md
-- target: cluster/namespace/workload
-- template: template hash that the target must run when this is done
-- expected_template: template hash that is being replaced; empty skips the check
-- approved_by: name via channel; empty when nobody had to agree
-- playbook: playbook and version that it is a step of; empty for none
-- step: that step's name
-- is_rehearsal: everything was asked for but the change itself
-- expires_at: refused when it was not begun by then
CREATE VIEW commands AS
SELECT id AS command, about AS decision, release, environment, service, happened_at, command_kind,
       concat_ws('/', body->>'$.target.cluster', body->>'$.target.namespace', body->>'$.target.workload')
           AS target,
       template, expected_template, approved_by,
       coalesce(body->>'$.remedy.playbook', '') AS playbook, coalesce(body->>'$.remedy.step', '') AS step,
       coalesce(CAST(body->>'$.is_rehearsal' AS BOOLEAN), false) AS is_rehearsal, expires_at
FROM effects
WHERE kind = 'command';
