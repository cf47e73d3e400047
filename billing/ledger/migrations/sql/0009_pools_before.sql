-- What open holds set aside and count against limits of money, by price and period.
SET LOCAL ROLE anneal_system;
UPDATE ledger_ratedusage u SET aside = x.amount FROM (
  SELECT h.rated_usage_id AS id, sum((d ->> 1)::numeric) AS amount
  FROM ledger_hold h CROSS JOIN jsonb_array_elements(h.charges) d
  WHERE h.state = 'held' AND h.rated_usage_id IS NOT NULL GROUP BY 1) x
WHERE u.id = x.id;
UPDATE ledger_ratedusage u SET limits = x.limits FROM (
  SELECT e.id, jsonb_object_agg(e.limit_id, e.held) AS limits FROM (
    SELECT h.rated_usage_id AS id, n.limit_id, sum((k.held #>> '{}')::numeric) AS held
    FROM ledger_hold h CROSS JOIN jsonb_each(h.limits) AS k (id, held)
    JOIN ledger_limitcount n ON n.id = k.id::uuid
    JOIN ledger_spendinglimit s ON s.id = n.limit_id
    WHERE h.state = 'held' AND h.rated_usage_id IS NOT NULL AND s.unit = h.currency
      AND s.scope IN ('organization', 'plan')
    GROUP BY 1, 2) e GROUP BY e.id) x
WHERE u.id = x.id;
RESET ROLE;
