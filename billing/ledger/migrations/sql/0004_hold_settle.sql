-- Ends holds: captures part or all of each, gives the rest back, records the usage events and the
-- answer to keep. Each settlement is all or nothing and happens once; a second try is told the
-- first's outcome. "outcome": "expired" is the reaper's: it ends a hold nobody settled in time.
CREATE FUNCTION hold_settle(settlements jsonb, business_now timestamptz DEFAULT NULL)
RETURNS TABLE (item integer, code text, state text, captured numeric)
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
  meters text[];
  clashing integer[];                                    -- settlements with a known usage event
  done uuid[] := '{}'; done_captured numeric[] := '{}'; done_amounts numeric[] := '{}';
  done_states text[] := '{}'; done_organizations uuid[] := '{}'; done_units text[] := '{}';
  counted integer[] := '{}';                             -- settlements whose events are inserted
  lots uuid[] := '{}'; lot_held numeric[] := '{}'; lot_consumed numeric[] := '{}';
  booked_holds uuid[] := '{}'; booked_lots uuid[] := '{}'; booked_amounts numeric[] := '{}';
  events usage_item[]; event_of integer[];                -- named, and by which settlement
  r record; draw record; rest numeric; part numeric; spot integer; answers boolean := false;
BEGIN
  IF jsonb_array_length(settlements) > 2000 THEN
    RAISE EXCEPTION 'more than 2,000 settlements' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  -- The gateway serves many organizations and opens no scope; inside a scope it is one's own alone.
  IF app.organization() IS NOT NULL AND EXISTS (
    SELECT FROM jsonb_to_recordset(settlements) AS q (organization_id uuid)
    WHERE NOT app.acts_for(q.organization_id) AND q.organization_id IS NOT NULL)
  THEN
    RAISE EXCEPTION 'a scope of another organization is open'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT array_agg(m.code) INTO meters FROM prices_meter m;

  PERFORM b.id
  FROM (SELECT DISTINCT h.organization_id, h.unit
        FROM jsonb_to_recordset(settlements) AS q (hold_id uuid)
        CROSS JOIN LATERAL (SELECT l.organization_id, l.unit FROM ledger_hold l
                            WHERE l.id = q.hold_id OFFSET 0) h
        ORDER BY h.organization_id, h.unit) k
  CROSS JOIN LATERAL (SELECT l.id FROM ledger_balance l
                      WHERE l.organization_id = k.organization_id AND l.unit = k.unit
                      FOR UPDATE) b;

  SELECT array_agg(ROW(e.id, e.organization_id, e.source, e.event_id, e.meter, e.units, e.model,
                       e.deployment_id, e.api_key_id, coalesce(e.occurred_at, today), e.hold_id,
                       e.dims)::usage_item), array_agg(e.n)
  INTO events, event_of FROM usage_of(settlements) e;
  SELECT array_agg(event_of[s.item]) INTO clashing FROM usage_seen(events) s;

  FOR r IN
    SELECT (q.n - 1)::integer AS n, q.hold_id, coalesce(q.captured, 0) AS wanted,
           coalesce(q.meter, h.unit) AS meter, q.event_id, q.outcome, q.response,
           CASE WHEN jsonb_typeof(q.ids) = 'array' THEN jsonb_array_length(q.ids) ELSE 0 END AS ids,
           CASE WHEN jsonb_typeof(q.item_dims) = 'array' THEN jsonb_array_length(q.item_dims) END
             AS item_dims,
           h.organization_id, h.unit, h.amount, h.captured, h.state, h.draws, h.expires_at
    FROM ROWS FROM (jsonb_to_recordset(settlements) AS (
           organization_id uuid, hold_id uuid, captured numeric, meter text, event_id text,
           ids jsonb, item_dims jsonb, outcome text, response text)) WITH ORDINALITY
         AS q (organization_id, hold_id, captured, meter, event_id, ids, item_dims, outcome,
               response, n)
    LEFT JOIN LATERAL (SELECT * FROM ledger_hold l
                       WHERE l.id = q.hold_id AND l.organization_id = q.organization_id
                       OFFSET 0) h ON true
    ORDER BY q.n
  LOOP
    item := r.n; state := r.state; captured := trim_scale(r.captured);
    spot := array_position(done, r.hold_id);
    IF r.state IS NULL THEN code := 'hold_unknown';
    ELSIF spot IS NOT NULL THEN
      code := 'duplicate'; state := done_states[spot]; captured := trim_scale(done_captured[spot]);
    ELSIF NOT amount_valid(r.wanted)
       OR (r.wanted > 0 AND (r.event_id IS NULL) = (r.ids = 0))
       OR r.item_dims <> r.ids
       OR (r.ids > 0 AND trunc(r.wanted / r.ids, 12) * r.ids <> r.wanted) THEN code := 'invalid';
    ELSIF r.state = 'expired' AND r.wanted > 0 THEN code := 'hold_expired';
    ELSIF r.state <> 'held' THEN code := 'duplicate';
    ELSIF r.wanted > r.amount THEN code := 'exceeds_hold';
    ELSIF r.wanted > 0 AND r.meter <> ALL (meters) THEN code := 'meter_unknown';
    ELSIF r.wanted > 0 AND r.n = ANY (clashing) THEN code := 'event_conflict';
    ELSIF r.outcome = 'expired' AND r.expires_at > stamp THEN code := 'invalid';
    ELSE
      code := CASE WHEN r.wanted > 0 THEN 'captured' ELSE 'released' END;
      state := CASE WHEN r.outcome = 'expired' AND r.wanted = 0 THEN 'expired' ELSE code END;
      captured := r.wanted;
      done := done || r.hold_id; done_captured := done_captured || r.wanted;
      done_amounts := done_amounts || r.amount; done_states := done_states || state;
      done_organizations := done_organizations || r.organization_id;
      done_units := done_units || r.unit;
      answers := answers OR r.response IS NOT NULL;
      IF r.wanted > 0 THEN counted := counted || r.n; END IF;
      rest := r.wanted;
      FOR draw IN SELECT (d ->> 0)::uuid AS lot, (d ->> 1)::numeric AS amount
                  FROM jsonb_array_elements(r.draws) d
      LOOP
        part := least(rest, draw.amount);
        rest := rest - part;
        lots := lots || draw.lot; lot_held := lot_held || draw.amount;
        lot_consumed := lot_consumed || part;
        IF part > 0 THEN
          booked_holds := booked_holds || r.hold_id; booked_lots := booked_lots || draw.lot;
          booked_amounts := booked_amounts || part;
        END IF;
      END LOOP;
    END IF;
    RETURN NEXT;
  END LOOP;

  IF cardinality(done) = 0 THEN RETURN; END IF;
  UPDATE ledger_hold h SET state = x.state, captured = x.captured, settled_at = stamp
  FROM unnest(done, done_states, done_captured) AS x (id, state, captured) WHERE h.id = x.id;
  UPDATE ledger_grant g SET held = g.held - x.held, consumed = g.consumed + x.consumed
  FROM (SELECT l.id, sum(l.held) AS held, sum(l.consumed) AS consumed
        FROM unnest(lots, lot_held, lot_consumed) AS l (id, held, consumed) GROUP BY l.id) x
  WHERE g.id = x.id;
  UPDATE ledger_balance b SET held = b.held - x.held, consumed = b.consumed + x.captured
  FROM (SELECT d.organization_id, d.unit, sum(d.amount) AS held, sum(d.captured) AS captured
        FROM unnest(done_organizations, done_units, done_amounts, done_captured)
             AS d (organization_id, unit, amount, captured) GROUP BY 1, 2) x
  WHERE b.organization_id = x.organization_id AND b.unit = x.unit;
  IF cardinality(booked_holds) > 0 THEN
    PERFORM ledger_post('capture', 'revenue', booked_holds, booked_lots, booked_amounts,
                        booked_holds, today);
    SELECT array_agg(events[x.spot]) INTO events
    FROM unnest(event_of) WITH ORDINALITY AS x (n, spot) WHERE x.n = ANY (counted);
    -- Looked up above and new then: another unit's settlement has just brought the same event. All
    -- of this call is undone, and a retry is told so.
    IF EXISTS (SELECT FROM usage_record(events, today, stamp)) THEN
      RAISE EXCEPTION 'a usage event was counted by somebody else meanwhile'
        USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF answers THEN
    UPDATE ledger_keyedcall c SET response = q.response
    FROM jsonb_to_recordset(settlements) AS q (hold_id uuid, organization_id uuid, response text)
    WHERE c.organization_id = q.organization_id AND c.hold_id = q.hold_id
      AND q.response IS NOT NULL AND q.hold_id = ANY (done);
  END IF;
END
$$;
