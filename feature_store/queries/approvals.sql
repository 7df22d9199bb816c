-- approvals: Humans' answers to holds; one row an answer.
-- hold: id of the hold that was answered
-- release: release id; null when the hold is not in the journal
-- environment: deployment environment
-- service: service; null when the hold is not in the journal
-- happened_at: when
-- answer: approve or reject
-- answered_by: who
-- channel: how the answer came
-- why: in the human's words; may be empty
CREATE VIEW approvals AS
SELECT answered.about AS hold, held.release, answered.environment, held.service, answered.happened_at,
       answered.answer, answered.answered_by, answered.channel, answered.text AS why
FROM effects AS answered
LEFT JOIN effects AS held ON held.id = answered.about AND held.kind = 'held'
WHERE answered.kind = 'approval';
