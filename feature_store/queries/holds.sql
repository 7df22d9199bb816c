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
-- ended: granted, rejected, expired or withdrawn; null while it waits
-- ended_at: when
-- end_reason: as a sentence
-- answer: approve or reject, the answer that ended it; null without one
-- answered_by: who
-- answered_at: when
-- seconds_to_answer: from the hold to the answer
CREATE VIEW holds AS
SELECT held.id AS hold, held.about AS decision, held.release, held.environment, held.service,
       held.happened_at, held.guard, held.text AS reason, held.expires_at,
       coalesce(ended.answer, if(earlier.answer = 'approve', 'granted', if(earlier.answer = 'reject', 'rejected', NULL)))
           AS ended,
       coalesce(ended.happened_at, earlier.happened_at) AS ended_at, ended.text AS end_reason,
       CASE coalesce(ended.answer, earlier.answer)
           WHEN 'granted' THEN 'approve' WHEN 'rejected' THEN 'reject'
           WHEN 'approve' THEN 'approve' WHEN 'reject' THEN 'reject'
       END AS answer,
       CASE WHEN ended.answer IS NULL THEN earlier.answered_by
            WHEN ended.answer IN ('granted', 'rejected') THEN ended.answered_by
       END AS answered_by,
       CASE WHEN ended.answer IS NULL THEN earlier.happened_at
            WHEN ended.answer IN ('granted', 'rejected') THEN ended.happened_at
       END AS answered_at,
       epoch(answered_at - held.happened_at) AS seconds_to_answer
FROM effects AS held
LEFT JOIN effects AS ended
    ON ended.about = held.id AND ended.kind = 'hold_changed'
    AND ended.answer IN ('granted', 'rejected', 'expired', 'withdrawn')
LEFT JOIN (
    -- Of journals older than changes of holds: there the first answer counted.
    SELECT about, min_by(answer, happened_at) AS answer, min_by(answered_by, happened_at) AS answered_by,
           min(happened_at) AS happened_at
    FROM effects AS approvals
    WHERE kind = 'approval'
      AND NOT EXISTS (
          SELECT 1 FROM effects AS newer WHERE newer.kind = 'hold_changed' AND newer.about = approvals.about
      )
    GROUP BY about
) AS earlier ON earlier.about = held.id
WHERE held.kind = 'held';
