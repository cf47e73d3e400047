-- Holds did not say yet what nothing covered: of each period's price it is what was not charged,
-- and stands in the period's newest hold.
SET LOCAL ROLE anneal_system;
WITH missing AS (
  SELECT u.id, price_rate(p, u.used) - sum(h.charged) AS amount, max(h.created_at) AS newest
  FROM ledger_ratedusage u JOIN prices_price p ON p.id = u.price_id
  JOIN ledger_hold h ON h.organization_id = u.organization_id AND h.rated_usage_id = u.id
  GROUP BY u.id, p.id, u.used
)
UPDATE ledger_hold h SET uncovered = m.amount FROM missing m
WHERE m.amount > 0 AND h.id = (
  SELECT l.id FROM ledger_hold l WHERE l.rated_usage_id = m.id AND l.created_at = m.newest
  ORDER BY l.id LIMIT 1);
RESET ROLE;
