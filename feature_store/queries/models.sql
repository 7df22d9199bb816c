-- models: One row a model that was learnt, with where it comes from and what became of it.
-- model: id
-- family: what it is for: judge or risk
-- stage: challenger, champion, retired or rejected
-- since: when it came to that
-- why: by which rule, with its numbers
-- changed_by: who: the learner, or a human by name and channel
-- parent: id of the champion that it was learnt beside; empty for none
-- learnt_at: when it was first told of
-- data_from: start of the first release that it learnt from
-- data_until: nothing that was known later had a say
-- releases: how many releases it learnt from
-- labelled: how many of them had a label
-- code: version of the code that learnt it
-- seed: what its random numbers came from
-- metrics: figures by name as JSON, on data that it did not learn from
CREATE VIEW models AS
WITH told AS (
    -- Each partition of the log says it, and a reminder says it again: one row a change.
    SELECT about AS model, channel AS family, answer AS stage, happened_at, any_value(text) AS why,
           any_value(answered_by) AS changed_by, any_value(body) AS body
    FROM effects
    WHERE kind = 'model'
    GROUP BY ALL
)
SELECT
    model, any_value(family) AS family,
    max_by(stage, happened_at) AS stage, max(happened_at) AS since,
    max_by(why, happened_at) AS why, max_by(changed_by, happened_at) AS changed_by,
    any_value(body->>'$.card.parent') AS parent, min(happened_at) AS learnt_at,
    any_value(CAST(body->>'$.card.data_from' AS TIMESTAMPTZ)) AS data_from,
    any_value(CAST(body->>'$.card.data_until' AS TIMESTAMPTZ)) AS data_until,
    any_value(CAST(body->>'$.card.releases' AS BIGINT)) AS releases,
    any_value(CAST(body->>'$.card.labels' AS BIGINT)) AS labelled,
    any_value(body->>'$.card.code') AS code,
    any_value(CAST(body->>'$.card.seed' AS BIGINT)) AS seed,
    any_value(body->>'$.card.metrics') AS metrics
FROM told
GROUP BY model
ORDER BY learnt_at DESC, model;
