-- Those of the organizations that have no account row get none until this transaction ends. Else a
-- second call in a transaction, which holds a balance since its first, could come to wait for a row
-- made meanwhile, whose holder waits for that balance. Who acts without a scope, as the gateway
-- does, makes one call per transaction and needs no such care.
CREATE FUNCTION accounts_keep(organizations uuid[]) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock_shared(account_key(o.id))
  FROM (SELECT DISTINCT u.id FROM unnest(organizations) AS u (id)
        WHERE u.id IS NOT NULL
          AND NOT EXISTS (SELECT FROM ledger_customeraccount a WHERE a.organization_id = u.id)
        ORDER BY u.id) o
$$;
