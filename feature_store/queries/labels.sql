-- labels: What was said of releases afterwards; one row a word, and several may disagree.
-- label: id
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it was said
-- kind: bad, good or harmless
-- source: where it comes from
-- trust: how likely it is right, in [0, 1]
-- labelled_by: who said so
-- about: id of what it follows from, such as a hold
-- why: in the human's words; may be empty
CREATE VIEW labels AS
SELECT id AS label, release, environment, service, happened_at, answer AS kind, channel AS source,
       confidence AS trust, answered_by AS labelled_by, about, text AS why
FROM effects
WHERE kind = 'labelled';
