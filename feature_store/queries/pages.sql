-- pages: Calls for a human; one row a page.
-- page: id of the page
-- about: id of the verdict, hold, outcome or recovery behind it
-- release: release id; null when it is not about one
-- environment: deployment environment
-- service: service
-- happened_at: when
-- summary: as a sentence
CREATE VIEW pages AS
SELECT id AS page, about, release, environment, service, happened_at, text AS summary
FROM effects
WHERE kind = 'page';
