-- models: One row a model that was learnt, with where it comes from and what became of it.
-- model: id
-- family: what it is for: judge or risk
-- stage: challenger, champion, retired or rejected
-- since: when it came to that
-- is_used: whether the judge, or for risk the gate, goes by it now
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
           any_value(answered_by) AS changed_by, any_value(body) AS body, min(cause_offset) AS said
    FROM effects
    WHERE kind = 'model'
    GROUP BY ALL
),
used AS (
    -- A champion is used from then on; with a retirement the parent that it names.
    SELECT family, max_by(CASE stage WHEN 'champion' THEN model ELSE body->>'$.card.parent' END,
                          (happened_at, said)) AS model
    FROM told
    WHERE stage IN ('champion', 'retired')
    GROUP BY family
),
standing AS (
    SELECT
        model, any_value(family) AS family,
        -- A model may be told of twice in one instant: what was said later counts.
        max_by(stage, (happened_at, said)) AS stage, max(happened_at) AS since,
        max_by(why, (happened_at, said)) AS why, max_by(changed_by, (happened_at, said)) AS changed_by,
        min_by(body, (happened_at, said)) AS body, min(happened_at) AS learnt_at
    FROM told
    GROUP BY model
)
SELECT
    model, family, stage, since,
    coalesce(model IN (SELECT used.model FROM used WHERE used.family = standing.family), false) AS is_used,
    why, changed_by,
    body->>'$.card.parent' AS parent, learnt_at,
    CAST(body->>'$.card.data_from' AS TIMESTAMPTZ) AS data_from,
    CAST(body->>'$.card.data_until' AS TIMESTAMPTZ) AS data_until,
    CAST(body->>'$.card.releases' AS BIGINT) AS releases,
    CAST(body->>'$.card.labels' AS BIGINT) AS labelled,
    body->>'$.card.code' AS code,
    CAST(body->>'$.card.seed' AS BIGINT) AS seed,
    body->>'$.card.metrics' AS metrics
FROM standing
ORDER BY learnt_at DESC, model;
