-- What has been used since `begins_at` of what a limit counts: a meter's units as they were counted,
-- money as it was charged, less what was refunded. NULL where the books do not say whose that was:
-- a member's use, and what a key's calls were charged.
CREATE FUNCTION limit_used(
  l ledger_spendinglimit, begins_at timestamptz, business_now timestamptz
) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
  units numeric;
  refunded numeric := 0;
BEGIN
  IF l.scope = 'member' OR (l.scope = 'key' AND l.unit ~ '^[A-Z]{3}$') THEN RETURN NULL; END IF;
  IF l.unit ~ '^[A-Z]{3}$' THEN
    SELECT sum(e.amount) INTO units FROM ledger_ledgerentry e
    WHERE e.organization_id = l.organization_id AND e.unit = l.unit AND e.unit ~ '^[A-Z]{3}$'
      AND e.account IN ('revenue', 'receivable') AND e.booked_at >= limit_used.begins_at;
    RETURN greatest(coalesce(units, 0), 0);
  END IF;
  SELECT sum(u.units) INTO units
  FROM usage_between(l.organization_id, limit_used.begins_at,
                     business_now + interval '1 microsecond') u
  WHERE u.meter = l.unit AND (l.scope <> 'key' OR u.api_key_id = l.subject_id);
  IF l.scope <> 'key' THEN
    SELECT coalesce(sum(r.units), 0) INTO refunded
    FROM ledger_capturerefund r JOIN ledger_hold h ON h.id = r.hold_id
    WHERE r.organization_id = l.organization_id AND r.booked_at >= limit_used.begins_at
      AND h.unit = l.unit;
  END IF;
  RETURN greatest(coalesce(units, 0) - refunded, 0);
END
$$;
