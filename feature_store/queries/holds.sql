-- holds: Decisions that wait, and what became of them; one row a hold.
-- hold: id that a human approves or rejects by
-- decision: id of the decision that waits
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when it was held
-- guard: which guardrail holds it
-- reason: as a sentence
-- expires_at: no answer by then means no action; null when nothing can be answered
-- answer: approve or reject; null without an answer
-- answered_by: who
-- answered_at: when
-- seconds_to_answer: from the hold to the answer
CREATE VIEW holds AS
SELECT held.id AS hold, held.about AS decision, held.release, held.environment, held.service,
       held.happened_at, held.guard, held.text AS reason, held.expires_at, answered.answer,
       answered.answered_by, answered.happened_at AS answered_at,
       epoch(answered.happened_at - held.happened_at) AS seconds_to_answer
FROM effects AS held
LEFT JOIN (
    -- The first answer counts.
    SELECT about, min_by(answer, happened_at) AS answer, min_by(answered_by, happened_at) AS answered_by,
           min(happened_at) AS happened_at
    FROM effects
    WHERE kind = 'approval'
    GROUP BY about
) AS answered ON answered.about = held.id
WHERE held.kind = 'held';
