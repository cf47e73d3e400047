-- Ends holds: captures part or all of each, gives the rest back, records the usage events and the
-- answer to keep. Each settlement is all or nothing and happens once; a second try is told the
-- first's outcome. "keep" captures one segment and leaves the hold open; its event is the segment's
-- name, so each is charged once. "cumulative" says instead of "captured" how much of the hold is
-- used so far. "outcome": "expired" is the reaper's: it ends a hold nobody settled in time.
-- An account whose books went wrong can fail a check: then all of the call does, as check_violation.
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
  organizations uuid[]; units text[]; currencies text[];  -- per hold
  limiting uuid[];                                       -- organizations with limits
  meters text[];
  events usage_item[]; event_of integer[];               -- named, and by which settlement
  clashing integer[]; repeated integer[];    -- settlements with a known usage event, another's, the same
  done uuid[] := '{}'; done_captured numeric[] := '{}'; done_states text[] := '{}';
  done_organizations uuid[] := '{}'; done_units text[] := '{}'; done_draws jsonb[] := '{}';
  done_freed numeric[] := '{}'; done_drawn numeric[] := '{}'; done_notes text[] := '{}';
  done_bare numeric[] := '{}'; closed uuid[] := '{}';
  counted integer[] := '{}';                             -- settlements whose events are inserted
  lots uuid[] := '{}'; lot_held numeric[] := '{}'; lot_consumed numeric[] := '{}';
  booked_holds uuid[] := '{}'; booked_lots uuid[] := '{}'; booked_amounts numeric[] := '{}';
  r record; draw record; rest numeric; part numeric; gone numeric; freed numeric; cost numeric;
  left_draws jsonb; spot integer; answers boolean := false; due record;
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
  -- With a date of the caller's choice this would book anybody's captures in another month.
  IF app.organization() IS NULL AND current_setting('role') <> 'anneal_system'
     AND business_now NOT BETWEEN stamp - interval '5 minutes' AND stamp + interval '5 minutes'
  THEN
    RAISE EXCEPTION 'a time other than now needs the organization''s scope, or the system''s'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT array_agg(m.code) INTO meters FROM prices_meter m;

  SELECT array_agg(h.organization_id), array_agg(h.unit), array_agg(h.currency)
  INTO organizations, units, currencies
  FROM jsonb_to_recordset(settlements) AS q (hold_id uuid)
  CROSS JOIN LATERAL (SELECT l.organization_id, l.unit, l.currency FROM ledger_hold l
                      WHERE l.id = q.hold_id OFFSET 0) h;
  IF app.organization() IS NOT NULL OR current_setting('role') = 'anneal_system' THEN
    PERFORM accounts_keep(organizations);
  END IF;
  SELECT array_agg(k.id) INTO limiting
  FROM (SELECT DISTINCT u.id FROM unnest(organizations) AS u (id) ORDER BY u.id) k
  CROSS JOIN LATERAL (SELECT l.id FROM ledger_customeraccount l
                      WHERE l.organization_id = k.id FOR UPDATE) a;
  IF limiting IS NOT NULL THEN
    SELECT array_agg(DISTINCT l.organization_id) INTO limiting FROM ledger_spendinglimit l
    WHERE l.organization_id = ANY (limiting) AND l.removed_at IS NULL;
  END IF;
  PERFORM b.id
  FROM (SELECT u.organization_id, u.unit FROM unnest(organizations, units) AS u (organization_id, unit)
        UNION SELECT u.organization_id, u.unit
        FROM unnest(organizations, currencies) AS u (organization_id, unit) WHERE u.unit <> ''
        ORDER BY 1, 2) k
  CROSS JOIN LATERAL (SELECT l.id FROM ledger_balance l
                      WHERE l.organization_id = k.organization_id AND l.unit = k.unit
                      FOR UPDATE) b;

  -- Now that nobody else settles these holds: what a count so far adds to the captures before.
  IF settlements @? '$[*].cumulative' THEN
    SELECT jsonb_agg(CASE WHEN q.s ? 'cumulative' THEN q.s || jsonb_build_object(
             'captured', greatest((q.s ->> 'cumulative')::numeric - coalesce(h.captured, 0), 0))
             ELSE q.s END ORDER BY q.n)
    INTO settlements
    FROM jsonb_array_elements(settlements) WITH ORDINALITY AS q (s, n)
    LEFT JOIN ledger_hold h ON h.id = (q.s ->> 'hold_id')::uuid;
  END IF;

  SELECT array_agg(ROW(e.id, e.organization_id, e.source, e.event_id, e.meter, e.units, e.model,
                       e.deployment_id, e.api_key_id, coalesce(e.occurred_at, today), e.hold_id,
                       e.dims)::usage_item), array_agg(e.n)
  INTO events, event_of FROM usage_of(settlements) e;
  SELECT array_agg(event_of[s.item]) FILTER (WHERE s.code <> 'same'),
         array_agg(event_of[s.item]) FILTER (WHERE s.code = 'same')
  INTO clashing, repeated FROM usage_seen(events) s;

  FOR r IN
    SELECT (q.n - 1)::integer AS n, q.hold_id, coalesce(q.captured, 0) AS wanted,
           coalesce(q.meter, h.unit) AS meter, q.event_id, q.outcome, q.response, q.note,
           coalesce(q.keep, false) AS keep, q.cumulative,
           CASE WHEN jsonb_typeof(q.ids) = 'array' THEN jsonb_array_length(q.ids) ELSE 0 END AS ids,
           CASE WHEN jsonb_typeof(q.item_dims) = 'array' THEN jsonb_array_length(q.item_dims) END
             AS item_dims,
           CASE WHEN jsonb_typeof(q.free) = 'array' THEN jsonb_array_length(q.free) END AS marks,
           CASE WHEN q.free IS NOT NULL
             THEN (SELECT count(*) FROM jsonb_array_elements(q.free) f WHERE f = 'true') ELSE 0
             END AS free,
           h.organization_id, h.unit, h.amount, h.captured, h.state, h.draws, h.expires_at,
           h.rated, h.limits <> '{}' AS limited
    FROM ROWS FROM (jsonb_to_recordset(settlements) AS (
           organization_id uuid, hold_id uuid, captured numeric, meter text, event_id text,
           ids jsonb, item_dims jsonb, outcome text, response text, note text, keep boolean,
           cumulative numeric, free jsonb)) WITH ORDINALITY
         AS q (organization_id, hold_id, captured, meter, event_id, ids, item_dims, outcome,
               response, note, keep, cumulative, free, n)
    LEFT JOIN LATERAL (SELECT * FROM ledger_hold l
                       WHERE l.id = q.hold_id AND l.organization_id = q.organization_id
                       OFFSET 0) h ON true
    ORDER BY q.n
  LOOP
    item := r.n; state := r.state; captured := trim_scale(r.captured);
    spot := array_position(done, r.hold_id);
    IF r.state IS NULL THEN code := 'hold_unknown';
    ELSIF spot IS NOT NULL THEN
      code := CASE WHEN done_states[spot] = 'held' THEN 'invalid' ELSE 'duplicate' END;
      state := done_states[spot]; captured := trim_scale(done_captured[spot]);
    ELSIF NOT amount_valid(r.wanted) OR NOT amount_valid(coalesce(r.cumulative, 0))
       OR (r.wanted > 0 AND (r.event_id IS NULL) = (r.ids = 0))
       OR (r.keep AND (r.event_id IS NULL OR (r.wanted = 0 AND r.cumulative IS NULL)))
       OR r.item_dims <> r.ids OR r.marks <> r.ids
       OR (r.marks IS NOT NULL AND (r.wanted = 0) <> (r.ids = r.free))
       OR (r.ids > r.free
           AND trunc(r.wanted / (r.ids - r.free), 12) * (r.ids - r.free) <> r.wanted) THEN
      code := 'invalid';
    ELSIF r.keep AND (r.n = ANY (repeated) OR r.wanted = 0) THEN code := 'duplicate';
    ELSIF r.state = 'expired' AND r.wanted > 0 THEN code := 'hold_expired';
    ELSIF r.keep AND r.state <> 'held' THEN code := 'hold_closed';
    ELSIF r.state <> 'held' THEN code := 'duplicate';
    ELSIF r.captured + r.wanted > r.amount THEN code := 'exceeds_hold';
    ELSIF r.wanted > 0 AND r.meter <> ALL (meters) THEN code := 'meter_unknown';
    ELSIF r.n = ANY (clashing) OR r.n = ANY (repeated) THEN code := 'event_conflict';
    ELSIF r.outcome = 'expired' AND r.expires_at > stamp THEN code := 'invalid';
    ELSE
      code := CASE WHEN r.wanted > 0 THEN 'captured' ELSE 'released' END;
      captured := r.captured + r.wanted;
      state := CASE WHEN r.keep THEN 'held' WHEN r.outcome = 'expired' AND r.wanted = 0 THEN 'expired'
                    WHEN captured > 0 THEN 'captured' ELSE 'released' END;
      done := done || r.hold_id; done_captured := done_captured || captured;
      done_states := done_states || state; done_notes := done_notes || r.note;
      done_organizations := done_organizations || r.organization_id;
      done_units := done_units || r.unit;
      answers := answers OR r.response IS NOT NULL;
      IF r.wanted > 0 OR r.free > 0 THEN counted := counted || r.n; END IF;
      rest := r.wanted; freed := 0; left_draws := '[]';
      FOR draw IN SELECT (d ->> 0)::uuid AS lot, (d ->> 1)::numeric AS amount
                  FROM jsonb_array_elements(r.draws) d
      LOOP
        part := least(rest, draw.amount);
        rest := rest - part;
        gone := CASE WHEN r.keep THEN part ELSE draw.amount END;
        freed := freed + gone;
        lots := lots || draw.lot; lot_held := lot_held || gone;
        lot_consumed := lot_consumed || part;
        IF part > 0 THEN
          booked_holds := booked_holds || r.hold_id; booked_lots := booked_lots || draw.lot;
          booked_amounts := booked_amounts || part;
        END IF;
        IF draw.amount > gone THEN
          left_draws := left_draws || jsonb_build_array(jsonb_build_array(draw.lot,
                                                                         draw.amount - gone));
        END IF;
      END LOOP;
      done_freed := done_freed || freed; done_drawn := done_drawn || r.wanted - rest;
      -- What happened and neither grants nor a price cover (see hold_take).
      done_bare := done_bare || CASE WHEN r.rated > 0 THEN 0 ELSE rest END;
      done_draws := done_draws || CASE WHEN r.keep THEN left_draws ELSE r.draws END;
      cost := 0;
      IF r.rated > 0 THEN
        cost := hold_charge(r.hold_id, rest, NOT r.keep, closed, today);
      END IF;
      IF r.limited OR r.organization_id = ANY (limiting) THEN
        PERFORM limits_settle(r.hold_id, r.wanted, cost, NOT r.keep, closed, today);
      END IF;
      IF NOT r.keep THEN closed := closed || r.hold_id; END IF;
    END IF;
    RETURN NEXT;
  END LOOP;

  IF cardinality(done) = 0 THEN RETURN; END IF;
  UPDATE ledger_hold h SET state = x.state, captured = x.captured, draws = x.draws,
    settled_at = CASE WHEN x.state <> 'held' THEN stamp END, note = coalesce(x.note, h.note),
    uncovered = h.uncovered + x.bare
  FROM unnest(done, done_states, done_captured, done_draws, done_notes, done_bare)
       AS x (id, state, captured, draws, note, bare) WHERE h.id = x.id;
  UPDATE ledger_grant g SET held = g.held - x.held, consumed = g.consumed + x.consumed
  FROM (SELECT l.id, sum(l.held) AS held, sum(l.consumed) AS consumed
        FROM unnest(lots, lot_held, lot_consumed) AS l (id, held, consumed) GROUP BY l.id) x
  WHERE g.id = x.id;
  FOR due IN
    WITH changed AS (
      UPDATE ledger_balance b SET held = b.held - x.held, consumed = b.consumed + x.captured
      FROM (SELECT d.organization_id, d.unit, sum(d.freed) AS held, sum(d.drawn) AS captured
            FROM unnest(done_organizations, done_units, done_freed, done_drawn)
                 AS d (organization_id, unit, freed, drawn) GROUP BY 1, 2) x
      WHERE b.organization_id = x.organization_id AND b.unit = x.unit
      RETURNING b.organization_id, b.unit, b.consumed >= b.alert_at AS reached)
    SELECT c.organization_id, c.unit FROM changed c WHERE c.reached
    ORDER BY c.organization_id, c.unit
  LOOP
    PERFORM balance_alert(due.organization_id, due.unit, today);
  END LOOP;
  IF cardinality(booked_holds) > 0 THEN
    PERFORM ledger_post('capture', 'revenue', booked_holds, booked_lots, booked_amounts,
                        booked_holds, today);
  END IF;
  IF cardinality(counted) > 0 THEN
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
