-- Keeps a hold alive for `ttl_seconds` more from now and takes `extra` more onto it, or neither.
-- The rules are those of taking, because it is.
CREATE FUNCTION hold_extend(
  organization uuid, of_hold uuid, ttl_seconds numeric, extra numeric,
  business_now timestamptz DEFAULT NULL, api_key uuid DEFAULT NULL, member uuid DEFAULT NULL,
  dims jsonb DEFAULT NULL, most numeric DEFAULT NULL
) RETURNS TABLE (code text, available numeric, ends_at timestamptz, detail jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  of_unit text;
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT h.unit INTO of_unit FROM ledger_hold h
  WHERE h.id = of_hold AND h.organization_id = organization;
  IF NOT FOUND THEN code := 'hold_unknown'; RETURN NEXT; RETURN; END IF;
  RETURN QUERY
    SELECT CASE t.code WHEN 'accepted' THEN 'extended' ELSE t.code END, t.available, t.ends_at,
           t.detail
    FROM hold_take(jsonb_build_array(jsonb_build_object(
      'organization_id', organization, 'hold_id', of_hold, 'unit', of_unit, 'amount', extra,
      'ttl_seconds', ttl_seconds, 'extends', true, 'api_key_id', api_key, 'member_id', member,
      'dims', dims, 'most', most)), business_now) t;
END
$$;
