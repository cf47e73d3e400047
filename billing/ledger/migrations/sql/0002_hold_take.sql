-- Decides each request in order, all of it or nothing, and sets what it grants aside.
-- Balances are locked in (organization_id, unit) order, as everywhere, so calls cannot deadlock.
CREATE FUNCTION hold_take(requests jsonb, business_now timestamptz DEFAULT NULL)
RETURNS TABLE (item integer, accepted boolean, code text, hold_id uuid, available numeric,
               ends_at timestamptz, response text)
LANGUAGE plpgsql
-- One plan per session, by index, whatever the statistics say: the arrays are small, the tables
-- are not, and a plan made when they were empty would read them whole.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  stamp timestamptz := clock_timestamp();
  today timestamptz := coalesce(business_now, clock_timestamp());
  organizations uuid[]; units text[]; balances uuid[]; due boolean[];  -- per balance, in lock order
  free numeric[]; taken numeric[]; first_lot integer[];                -- per balance
  lots uuid[] := '{}'; lot_free numeric[] := '{}'; lot_taken numeric[] := '{}';  -- open grants
  new_ids uuid[] := '{}'; new_organizations uuid[] := '{}'; new_units text[] := '{}';  -- holds
  new_amounts numeric[] := '{}'; new_sources text[] := '{}'; new_draws jsonb[] := '{}';
  new_ends timestamptz[] := '{}';
  r record; earlier record; need numeric; part numeric; lot integer; draws jsonb; spot integer;
BEGIN
  IF jsonb_array_length(requests) > 2000 THEN
    RAISE EXCEPTION 'more than 2,000 requests' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  -- The gateway serves many organizations and opens no scope; inside a scope it is one's own alone.
  IF app.organization() IS NOT NULL AND EXISTS (
    SELECT FROM jsonb_to_recordset(requests) AS q (organization_id uuid)
    WHERE NOT app.acts_for(q.organization_id) AND q.organization_id IS NOT NULL)
  THEN
    RAISE EXCEPTION 'a scope of another organization is open'
      USING ERRCODE = 'insufficient_privilege';
  END IF;

  SELECT array_agg(k.organization_id), array_agg(k.unit), array_agg(b.id),
         array_agg(coalesce(b.next_change_at <= today, false)),
         array_agg(0::numeric), array_agg(0::numeric), array_agg(0)
  INTO organizations, units, balances, due, free, taken, first_lot
  FROM (SELECT DISTINCT q.organization_id, q.unit
        FROM jsonb_to_recordset(requests) AS q (organization_id uuid, unit text)
        ORDER BY q.organization_id, q.unit) k
  LEFT JOIN LATERAL (SELECT l.id, l.next_change_at FROM ledger_balance l
                     WHERE l.organization_id = k.organization_id AND l.unit = k.unit
                     FOR UPDATE) b ON true;

  FOR spot IN 1 .. coalesce(cardinality(due), 0) LOOP
    IF due[spot] THEN PERFORM balance_refresh(organizations[spot], units[spot], today); END IF;
  END LOOP;

  -- A statement of its own: its snapshot is taken after the locks.
  lot := 0;
  FOR r IN
    SELECT k.spot, g.id, g.rest
    FROM unnest(organizations, units) WITH ORDINALITY AS k (organization_id, unit, spot)
    CROSS JOIN LATERAL (
      SELECT l.id, l.amount - l.held - l.consumed - l.expired - l.voided AS rest, l.priority,
             l.expires_at, l.kind, l.effective_at
      FROM ledger_grant l
      WHERE l.organization_id = k.organization_id AND l.unit = k.unit AND l.active
        AND (l.expires_at IS NULL OR l.expires_at > today)
        AND l.amount > l.held + l.consumed + l.expired + l.voided
      OFFSET 0) g
    ORDER BY k.spot, g.priority, g.expires_at NULLS LAST, (g.kind = 'promotional') DESC,
             g.effective_at, g.id
  LOOP
    lot := lot + 1;
    lots[lot] := r.id; lot_free[lot] := r.rest; lot_taken[lot] := 0;
    free[r.spot] := free[r.spot] + r.rest;
    IF first_lot[r.spot] = 0 THEN first_lot[r.spot] := lot; END IF;
  END LOOP;

  FOR r IN
    SELECT (q.n - 1)::integer AS n, q.organization_id, q.hold_id, q.unit, q.amount,
           coalesce(q.source, '') AS source, q.ttl_seconds, q.call ->> 'scope' AS call_scope,
           q.call ->> 'key' AS call_key, q.call ->> 'hash' AS call_hash,
           dense_rank() OVER (ORDER BY q.organization_id, q.unit) AS spot,
           o.id IS NOT NULL AS known, o.suspended_at IS NOT NULL AS suspended,
           h.state AS old_state, h.organization_id AS old_organization, h.unit AS old_unit,
           h.amount AS old_amount
    FROM ROWS FROM (jsonb_to_recordset(requests) AS (
           organization_id uuid, hold_id uuid, unit text, amount numeric, source text,
           ttl_seconds numeric, call jsonb)) WITH ORDINALITY
         AS q (organization_id, hold_id, unit, amount, source, ttl_seconds, call, n)
    LEFT JOIN LATERAL (SELECT a.id, a.suspended_at FROM accounts_organization a
                       WHERE a.id = q.organization_id OFFSET 0) o ON true
    LEFT JOIN LATERAL (SELECT l.state, l.organization_id, l.unit, l.amount FROM ledger_hold l
                       WHERE l.id = q.hold_id OFFSET 0) h ON true
    ORDER BY q.n
  LOOP
    item := r.n; accepted := false; hold_id := r.hold_id; response := NULL; ends_at := NULL;
    available := trim_scale(free[r.spot]);

    IF r.hold_id IS NULL OR r.organization_id IS NULL OR r.unit IS NULL
       OR NOT amount_valid(r.amount) OR r.amount = 0
       OR NOT coalesce(r.ttl_seconds BETWEEN 1 AND 2592000, false)
       OR (r.call_key IS NOT NULL AND (r.call_scope IS NULL OR r.call_hash IS NULL)) THEN
      code := 'invalid'; RETURN NEXT; CONTINUE;
    ELSIF NOT r.known THEN
      code := 'organization_unknown'; RETURN NEXT; CONTINUE;
    ELSIF r.suspended THEN
      code := 'organization_suspended'; RETURN NEXT; CONTINUE;
    END IF;

    IF r.call_key IS NOT NULL THEN
      SELECT c.request_hash, c.response, h.state INTO earlier
      FROM ledger_keyedcall c LEFT JOIN ledger_hold h ON h.id = c.hold_id
      WHERE c.organization_id = r.organization_id AND c.scope = r.call_scope
        AND c.key = r.call_key AND c.expires_at > stamp;
      IF FOUND THEN
        IF earlier.request_hash <> r.call_hash THEN code := 'mismatch';
        ELSIF earlier.response IS NOT NULL THEN code := 'replay'; response := earlier.response;
        -- Without a row its hold is of this very call.
        ELSIF coalesce(earlier.state, 'held') IN ('held', 'captured') THEN code := 'in_flight';
        ELSE code := NULL; END IF;
        IF code IS NOT NULL THEN RETURN NEXT; CONTINUE; END IF;
      END IF;
    END IF;

    spot := array_position(new_ids, r.hold_id);
    IF r.old_state IS NOT NULL OR spot IS NOT NULL THEN
      IF (coalesce(r.old_organization, new_organizations[spot]),
          coalesce(r.old_unit, new_units[spot]), coalesce(r.old_amount, new_amounts[spot]))
         IS DISTINCT FROM (r.organization_id, r.unit, r.amount) THEN code := 'mismatch';
      ELSIF coalesce(r.old_state, 'held') IN ('held', 'captured') THEN
        code := 'duplicate'; accepted := true;
      ELSE code := 'hold_closed'; END IF;
      RETURN NEXT; CONTINUE;
    END IF;

    IF balances[r.spot] IS NULL OR free[r.spot] < r.amount THEN
      code := 'quota_exhausted';
      SELECT max(g.expires_at) INTO ends_at FROM ledger_grant g
      WHERE g.organization_id = r.organization_id AND g.unit = r.unit AND g.kind = 'promotional';
      RETURN NEXT; CONTINUE;
    END IF;

    need := r.amount; draws := '[]'; lot := first_lot[r.spot];
    WHILE need > 0 LOOP
      part := least(need, lot_free[lot]);
      IF part > 0 THEN
        draws := draws || jsonb_build_array(jsonb_build_array(lots[lot], part));
        lot_free[lot] := lot_free[lot] - part;
        lot_taken[lot] := lot_taken[lot] + part;
        need := need - part;
      END IF;
      lot := lot + 1;
    END LOOP;
    free[r.spot] := free[r.spot] - r.amount;
    taken[r.spot] := taken[r.spot] + r.amount;
    new_ids := new_ids || r.hold_id;
    new_organizations := new_organizations || r.organization_id;
    new_units := new_units || r.unit; new_amounts := new_amounts || r.amount;
    new_sources := new_sources || r.source; new_draws := new_draws || draws;
    new_ends := new_ends || stamp + make_interval(secs => r.ttl_seconds::double precision);
    IF r.call_key IS NOT NULL THEN
      INSERT INTO ledger_keyedcall AS c (id, created_at, organization_id, scope, key, request_hash,
                                         hold_id, expires_at)
      VALUES (anneal_uuid7(), stamp, r.organization_id, r.call_scope, r.call_key, r.call_hash,
              r.hold_id, stamp + interval '24 hours')
      ON CONFLICT (organization_id, scope, key) DO UPDATE SET created_at = stamp,
        request_hash = excluded.request_hash, hold_id = excluded.hold_id, response = NULL,
        expires_at = excluded.expires_at;
    END IF;
    code := 'accepted'; accepted := true; available := trim_scale(free[r.spot]);
    RETURN NEXT;
  END LOOP;

  IF cardinality(new_ids) > 0 THEN
    UPDATE ledger_balance b SET held = b.held + x.part
    FROM unnest(balances, taken) AS x (id, part) WHERE b.id = x.id AND x.part > 0;
    UPDATE ledger_grant g SET held = g.held + x.part
    FROM unnest(lots, lot_taken) AS x (id, part) WHERE g.id = x.id AND x.part > 0;
    INSERT INTO ledger_hold (id, created_at, organization_id, unit, amount, captured, state, source,
                             draws, expires_at)
    SELECT x.id, stamp, x.organization_id, x.unit, x.amount, 0, 'held', x.source, x.draws, x.ends
    FROM unnest(new_ids, new_organizations, new_units, new_amounts, new_sources, new_draws,
                new_ends) AS x (id, organization_id, unit, amount, source, draws, ends)
    ORDER BY x.id;
  END IF;
END
$$;
