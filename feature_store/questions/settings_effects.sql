-- settings_effects: What each version of the settings came to: how often it convicted, asked and was stopped.
-- environment =: only of this one
SELECT settings, min(happened_at) AS since, max(happened_at) AS until, count(*) AS decisions,
       count(*) FILTER (playbook = 'rollback') AS rollbacks, count(*) FILTER (playbook = 'promote') AS promotions,
       count(*) FILTER (playbook = 'page') AS pages, count(*) FILTER (needs_approval) AS needed_approval,
       count(guard) AS stopped_at_once, median(seconds_from_damage) AS median_seconds_from_damage
FROM decisions
WHERE $environment IN ('', environment)
GROUP BY settings
ORDER BY since, settings;
