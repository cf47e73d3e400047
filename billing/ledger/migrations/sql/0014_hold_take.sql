-- Decides each request in order, all of it or nothing, and sets what it grants aside: from grants
-- of the unit first, what these do not cover from money at the price. "extends" adds to an open
-- hold instead of making one. "most" is the most money that a hold may come to cost; where it is given,
-- what it would be is told. What "happened" already, which the system's scope alone may say, cannot
-- be refused: it passes suspension, parking and limits, and takes what grants and money there are.
-- An account whose books went wrong can fail a check: then all of the call does, as
-- check_violation. Locked are the accounts, then the balances, both in (organization_id,
-- unit) order, as everywhere, so calls cannot deadlock. Most organizations have no account row:
-- for them there are no limits, no money and no parking to look at.
CREATE FUNCTION hold_take(requests jsonb, business_now timestamptz DEFAULT NULL)
RETURNS TABLE (item integer, accepted boolean, code text, hold_id uuid, available numeric,
               ends_at timestamptz, response text, detail jsonb)
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
  -- Per balance: those of the requests in order of (organization, unit), then the organizations'
  -- money. `purses` says where that is, 0 for nowhere.
  organizations uuid[]; units text[]; currencies text[]; purses integer[]; asked integer;
  managed boolean[]; parked boolean[];                                 -- has an account row
  balances uuid[]; due boolean[]; free numeric[]; taken numeric[]; first_lot integer[];
  lots uuid[] := '{}'; lot_free numeric[] := '{}'; lot_taken numeric[] := '{}';  -- open grants
  new_ids uuid[] := '{}'; new_organizations uuid[] := '{}'; new_units text[] := '{}';  -- holds
  new_amounts numeric[] := '{}'; new_sources text[] := '{}'; new_draws jsonb[] := '{}';
  new_ends timestamptz[] := '{}'; new_more jsonb[] := '{}';
  new_keys uuid[] := '{}'; new_members uuid[] := '{}';
  r record; earlier record; rate_price uuid; rate_usage uuid; denied jsonb; drawn boolean := false;
  more_to_say boolean := false;
  over_holds jsonb := '[]';   -- of keyed calls tried again, whose takers are gone
  need numeric; part numeric; over numeric; cost numeric; lot integer; purse integer; spot integer;
  whole numeric; told jsonb; pooled jsonb; drawn_lots jsonb; paid_lots jsonb; counts jsonb;
  systems boolean := app.organization() IS NULL AND current_setting('role') = 'anneal_system';
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
  -- With a date of the caller's choice this would end everybody's grants.
  IF app.organization() IS NULL AND current_setting('role') <> 'anneal_system'
     AND business_now NOT BETWEEN stamp - interval '5 minutes' AND stamp + interval '5 minutes'
  THEN
    RAISE EXCEPTION 'a time other than now needs the organization''s scope, or the system''s'
      USING ERRCODE = 'insufficient_privilege';
  END IF;

  IF app.organization() IS NOT NULL OR current_setting('role') = 'anneal_system' THEN
    PERFORM accounts_keep(array_agg(q.organization_id))
    FROM jsonb_to_recordset(requests) AS q (organization_id uuid);
  END IF;
  SELECT array_agg(k.organization_id), array_agg(k.unit), array_agg(coalesce(a.currency, '')),
         array_agg(a.organization_id IS NOT NULL), array_agg(a.parked_at IS NOT NULL),
         array_agg(0), count(*)
  INTO organizations, units, currencies, managed, parked, purses, asked
  FROM (SELECT DISTINCT q.organization_id, q.unit
        FROM jsonb_to_recordset(requests) AS q (organization_id uuid, unit text)
        ORDER BY q.organization_id, q.unit) k
  LEFT JOIN LATERAL (SELECT l.organization_id, l.currency, l.parked_at FROM ledger_customeraccount l
                     WHERE l.organization_id = k.organization_id FOR UPDATE) a ON true;

  FOR spot IN 1 .. asked LOOP
    CONTINUE WHEN currencies[spot] = '';
    IF spot > 1 AND organizations[spot - 1] = organizations[spot] THEN
      purses[spot] := purses[spot - 1];
    ELSE
      organizations := organizations || organizations[spot]; units := units || currencies[spot];
      purses[spot] := cardinality(units);
    END IF;
  END LOOP;

  SELECT array_agg(b.id ORDER BY k.spot),
         array_agg(coalesce(b.next_change_at <= today, false) ORDER BY k.spot),
         array_agg(0::numeric), array_agg(0::numeric), array_agg(0)
  INTO balances, due, free, taken, first_lot
  FROM (SELECT u.organization_id, u.unit, u.spot
        FROM unnest(organizations, units) WITH ORDINALITY AS u (organization_id, unit, spot)
        ORDER BY u.organization_id, u.unit) k
  LEFT JOIN LATERAL (SELECT l.id, l.next_change_at FROM ledger_balance l
                     WHERE l.organization_id = k.organization_id AND l.unit = k.unit
                     FOR UPDATE) b ON true;

  FOR spot IN 1 .. coalesce(cardinality(due), 0) LOOP
    IF due[spot] THEN PERFORM balance_refresh(organizations[spot], units[spot], today); END IF;
  END LOOP;

  -- A statement of its own: its snapshot is taken after the locks. A balance that was not there to be
  -- locked may be there by now: its first grant comes after this decision.
  lot := 0;
  FOR r IN
    SELECT k.spot, g.id, g.rest
    FROM unnest(organizations, units, balances) WITH ORDINALITY
         AS k (organization_id, unit, balance, spot)
    CROSS JOIN LATERAL (
      SELECT l.id, l.amount - l.held - l.consumed - l.expired - l.voided AS rest, l.priority,
             l.expires_at, l.kind, l.effective_at
      FROM ledger_grant l
      WHERE l.organization_id = k.organization_id AND l.unit = k.unit AND l.active
        AND (l.expires_at IS NULL OR l.expires_at > today)
        AND l.amount > l.held + l.consumed + l.expired + l.voided
      OFFSET 0) g
    WHERE k.balance IS NOT NULL
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
           q.call ->> 'key' AS call_key, q.call ->> 'hash' AS call_hash, q.dims, q.api_key_id,
           q.member_id, coalesce(q.extends, false) AS extends, q.most,
           coalesce(q.happened, false) AS happened,
           dense_rank() OVER (ORDER BY q.organization_id, q.unit) AS spot,
           o.id IS NOT NULL AS known, o.suspended_at IS NOT NULL AS suspended,
           h.state AS old_state, h.organization_id AS old_organization, h.unit AS old_unit,
           h.amount AS old_amount, h.price_id AS old_price_id,
           h.rated_usage_id AS old_rated_usage_id, h.taken_at AS old_taken_at
    FROM ROWS FROM (jsonb_to_recordset(requests) AS (
           organization_id uuid, hold_id uuid, unit text, amount numeric, source text,
           ttl_seconds numeric, call jsonb, dims jsonb, api_key_id uuid, member_id uuid,
           extends boolean, most numeric, happened boolean)) WITH ORDINALITY
         AS q (organization_id, hold_id, unit, amount, source, ttl_seconds, call, dims, api_key_id,
               member_id, extends, most, happened, n)
    LEFT JOIN LATERAL (SELECT a.id, a.suspended_at FROM accounts_organization a
                       WHERE a.id = q.organization_id OFFSET 0) o ON true
    LEFT JOIN LATERAL (SELECT l.state, l.organization_id, l.unit, l.amount, l.price_id,
                              l.rated_usage_id, l.taken_at FROM ledger_hold l
                       WHERE l.id = q.hold_id OFFSET 0) h ON true
    ORDER BY q.n
  LOOP
    item := r.n; accepted := false; hold_id := r.hold_id; response := NULL; ends_at := NULL;
    detail := NULL; told := NULL;
    available := trim_scale(free[r.spot]);

    IF r.hold_id IS NULL OR r.organization_id IS NULL OR r.unit IS NULL
       OR NOT amount_valid(r.amount) OR (r.amount = 0 AND NOT r.extends)
       OR NOT amount_valid(coalesce(r.most, 0))
       OR NOT coalesce(r.ttl_seconds BETWEEN 1 AND 2592000, false)
       OR (r.call_key IS NOT NULL AND (r.call_scope IS NULL OR r.call_hash IS NULL))
       OR r.unit = currencies[r.spot] OR (r.happened AND (r.extends OR NOT systems))
       OR (r.extends AND NOT amount_valid(r.amount + coalesce(r.old_amount, 0))) THEN
      code := 'invalid'; RETURN NEXT; CONTINUE;
    ELSIF NOT r.known THEN
      code := 'organization_unknown'; RETURN NEXT; CONTINUE;
    -- Keeping a hold alive is no new use.
    ELSIF r.suspended AND r.amount > 0 AND NOT r.happened THEN
      code := 'organization_suspended'; RETURN NEXT; CONTINUE;
    END IF;

    IF r.call_key IS NOT NULL THEN
      SELECT c.request_hash, c.response, c.hold_id, h.state,
             h.state = 'held' AND h.unit = r.unit AND h.expires_at < stamp AS over INTO earlier
      FROM ledger_keyedcall c LEFT JOIN ledger_hold h ON h.id = c.hold_id
      WHERE c.organization_id = r.organization_id AND c.scope = r.call_scope
        AND c.key = r.call_key AND c.expires_at > stamp;
      IF FOUND THEN
        IF earlier.request_hash <> r.call_hash THEN code := 'mismatch';
        ELSIF earlier.response IS NOT NULL THEN code := 'replay'; response := earlier.response;
        -- Without a row its hold is of this very call.
        ELSIF coalesce(earlier.state, 'held') IN ('held', 'captured') THEN
          code := 'in_flight';
          IF earlier.over THEN
            over_holds := over_holds || jsonb_build_object(
              'organization_id', r.organization_id, 'hold_id', earlier.hold_id, 'outcome', 'expired');
          END IF;
        ELSE code := NULL; END IF;
        IF code IS NOT NULL THEN RETURN NEXT; CONTINUE; END IF;
      END IF;
    END IF;

    spot := array_position(new_ids, r.hold_id);
    IF r.extends THEN
      IF r.old_state IS DISTINCT FROM 'held' OR r.old_organization <> r.organization_id
         OR r.old_unit <> r.unit THEN
        code := 'hold_closed'; RETURN NEXT; CONTINUE;
      END IF;
    ELSIF r.old_state IS NOT NULL OR spot IS NOT NULL THEN
      IF (coalesce(r.old_organization, new_organizations[spot]),
          coalesce(r.old_unit, new_units[spot]), coalesce(r.old_amount, new_amounts[spot]))
         IS DISTINCT FROM (r.organization_id, r.unit, r.amount) THEN code := 'mismatch';
      ELSIF coalesce(r.old_state, 'held') IN ('held', 'captured') THEN
        code := 'duplicate'; accepted := true;
      ELSE code := 'hold_closed'; END IF;
      RETURN NEXT; CONTINUE;
    END IF;

    IF parked[r.spot] AND r.amount > 0 AND NOT r.happened THEN
      code := 'account_parked'; RETURN NEXT; CONTINUE;
    END IF;

    need := r.amount; over := 0; cost := 0; whole := NULL; purse := purses[r.spot];
    counts := '{}'; pooled := '{}';
    IF r.most IS NOT NULL THEN
      told := jsonb_build_object('currency', currencies[r.spot], 'cost', '0');
    END IF;
    IF free[r.spot] < need THEN
      over := need - free[r.spot]; need := free[r.spot]; cost := NULL;
      IF purse > 0 THEN
        SELECT x.price_id, x.rated_usage_id, x.aside, x.whole
        INTO rate_price, rate_usage, cost, whole
        FROM hold_rate(r.organization_id, r.unit, units[purse], r.dims, over,
                       coalesce(r.old_taken_at, today), r.old_price_id, r.old_rated_usage_id) x;
      END IF;
      IF r.most IS NOT NULL THEN
        part := CASE WHEN cost IS NOT NULL THEN hold_top(rate_price, rate_usage, over) END;
        told := told || jsonb_build_object('cost', trim_scale(part)::text);
        IF r.extends THEN
          -- What it set aside says too little: in a pool others' money may be there for its units.
          SELECT price_ceiling(p, u.used, u.pending - x.open, x.open + over) + x.paid INTO part
          FROM (SELECT h.rated - h.rated_captured AS open, h.charged - h.charge_refunded AS paid
                FROM ledger_hold h WHERE h.id = r.hold_id) x, prices_price p, ledger_ratedusage u
          WHERE cost IS NOT NULL AND p.id = rate_price AND u.id = rate_usage;
        END IF;
        IF part > r.most THEN
          code := 'charge_too_high';
          detail := told || jsonb_build_object('cost', trim_scale(part)::text);
          RETURN NEXT; CONTINUE;
        END IF;
      END IF;
      IF cost IS NULL OR free[purse] < cost THEN
        -- No credit would help.
        IF NOT EXISTS (SELECT FROM prices_meter m WHERE m.code = r.unit) THEN
          code := 'meter_unknown'; RETURN NEXT; CONTINUE;
        ELSIF r.happened AND (need > 0 OR EXISTS (
            SELECT FROM prices_price p JOIN prices_meter m ON m.id = p.meter_id
            WHERE m.code = r.unit AND p.effective_at <= today)) THEN
          -- As far as it goes: the rest is uncovered, in money where it has a price, else in units.
          IF cost IS NULL THEN over := 0; ELSE cost := free[purse]; END IF;
        ELSE
          code := 'quota_exhausted';
          SELECT max(g.expires_at) INTO ends_at FROM ledger_grant g
          WHERE g.organization_id = r.organization_id AND g.unit = r.unit
            AND g.kind = 'promotional';
          IF purse > 0 THEN
            detail := jsonb_build_object('currency', units[purse],
                                         'needed', trim_scale(cost)::text,
                                         'available', trim_scale(free[purse])::text);
          END IF;
          detail := coalesce(told || coalesce(detail, '{}'), detail);
          RETURN NEXT; CONTINUE;
        END IF;
      END IF;
    END IF;
    IF managed[r.spot] AND r.amount > 0 THEN
      SELECT x.denied, x.counts, x.pooled INTO denied, counts, pooled
      FROM limits_check(r.organization_id, r.unit, r.amount, currencies[r.spot],
                        CASE WHEN over > 0 THEN cost END, over, whole, rate_price, rate_usage,
                        r.api_key_id, r.member_id, r.happened, coalesce(r.old_taken_at, today)) x;
      IF denied IS NOT NULL THEN
        code := 'limit_reached'; detail := denied || coalesce(told, '{}'); RETURN NEXT; CONTINUE;
      END IF;
    END IF;

    free[r.spot] := free[r.spot] - need; taken[r.spot] := taken[r.spot] + need;
    drawn_lots := '[]'; lot := first_lot[r.spot];
    WHILE need > 0 LOOP
      part := least(need, lot_free[lot]);
      IF part > 0 THEN
        drawn_lots := drawn_lots || jsonb_build_array(jsonb_build_array(lots[lot], part));
        lot_free[lot] := lot_free[lot] - part;
        lot_taken[lot] := lot_taken[lot] + part;
        need := need - part;
      END IF;
      lot := lot + 1;
    END LOOP;
    paid_lots := '[]';
    IF over > 0 THEN
      free[purse] := free[purse] - cost; taken[purse] := taken[purse] + cost;
      UPDATE ledger_ratedusage u SET pending = u.pending + over, aside = u.aside + cost,
        limits = jsonb_add(u.limits, pooled) WHERE u.id = rate_usage;
      lot := first_lot[purse];
      WHILE cost > 0 LOOP
        part := least(cost, lot_free[lot]);
        IF part > 0 THEN
          paid_lots := paid_lots || jsonb_build_array(jsonb_build_array(lots[lot], part));
          lot_free[lot] := lot_free[lot] - part;
          lot_taken[lot] := lot_taken[lot] + part;
          cost := cost - part;
        END IF;
        lot := lot + 1;
      END LOOP;
    END IF;
    drawn := true;
    IF r.extends THEN
      UPDATE ledger_hold h SET amount = h.amount + r.amount, draws = h.draws || drawn_lots,
        expires_at = stamp + make_interval(secs => r.ttl_seconds::double precision),
        charges = h.charges || paid_lots, rated = h.rated + over,
        api_key_id = coalesce(h.api_key_id, r.api_key_id),
        member_id = coalesce(h.member_id, r.member_id),
        currency = CASE WHEN over > 0 THEN units[purse] ELSE h.currency END,
        price_id = CASE WHEN over > 0 THEN rate_price ELSE h.price_id END,
        rated_usage_id = CASE WHEN over > 0 THEN rate_usage ELSE h.rated_usage_id END,
        limits = jsonb_add(h.limits, counts),
        limits_from = h.limits_from || (
          SELECT coalesce(jsonb_object_agg(x.key, CASE WHEN s.unit = h.unit
                   THEN h.captured - h.refunded ELSE h.charged - h.charge_refunded END), '{}')
          FROM jsonb_object_keys(counts) AS x (key)
          JOIN ledger_limitcount n ON n.id = x.key::uuid
          JOIN ledger_spendinglimit s ON s.id = n.limit_id
          WHERE h.captured > 0 AND NOT h.limits ? x.key)
      WHERE h.id = r.hold_id;
    ELSE
      new_ids := new_ids || r.hold_id;
      new_organizations := new_organizations || r.organization_id;
      new_units := new_units || r.unit; new_amounts := new_amounts || r.amount;
      new_sources := new_sources || r.source; new_draws := new_draws || drawn_lots;
      new_keys := new_keys || r.api_key_id; new_members := new_members || r.member_id;
      new_ends := new_ends || stamp + make_interval(secs => r.ttl_seconds::double precision);
      new_more := new_more || CASE WHEN over > 0 THEN
        jsonb_build_object('charges', paid_lots, 'rated', over, 'currency', units[purse],
                           'price_id', rate_price, 'usage_id', rate_usage,
                           'limits', counts)
        WHEN counts <> '{}' THEN jsonb_build_object('limits', counts) END;
      more_to_say := more_to_say OR over > 0 OR counts <> '{}';
    END IF;
    IF r.call_key IS NOT NULL THEN
      INSERT INTO ledger_keyedcall AS c (id, created_at, organization_id, scope, key, request_hash,
                                         hold_id, expires_at)
      VALUES (anneal_uuid7(), stamp, r.organization_id, r.call_scope, r.call_key, r.call_hash,
              r.hold_id, stamp + interval '24 hours')
      ON CONFLICT (organization_id, scope, key) DO UPDATE SET created_at = stamp,
        request_hash = excluded.request_hash, hold_id = excluded.hold_id, response = NULL,
        expires_at = excluded.expires_at;
    END IF;
    code := 'accepted'; accepted := true; detail := told; available := trim_scale(free[r.spot]);
    RETURN NEXT;
  END LOOP;

  IF drawn THEN
    UPDATE ledger_balance b SET held = b.held + x.part
    FROM unnest(balances, taken) AS x (id, part) WHERE b.id = x.id AND x.part > 0;
    UPDATE ledger_grant g SET held = g.held + x.part
    FROM unnest(lots, lot_taken) AS x (id, part) WHERE g.id = x.id AND x.part > 0;
    -- The columns left out say nothing of limits and money, which most holds have nothing to do with.
    INSERT INTO ledger_hold (id, created_at, organization_id, unit, amount, captured, state, source,
                             draws, expires_at, taken_at, api_key_id, member_id)
    SELECT x.id, stamp, x.organization_id, x.unit, x.amount, 0, 'held', x.source, x.draws, x.ends,
           today, x.api_key, x.member
    FROM unnest(new_ids, new_organizations, new_units, new_amounts, new_sources, new_draws,
                new_ends, new_keys, new_members)
         AS x (id, organization_id, unit, amount, source, draws, ends, api_key, member)
    ORDER BY x.id;
  END IF;
  IF more_to_say THEN
    UPDATE ledger_hold h SET currency = coalesce(x.more ->> 'currency', ''),
      price_id = (x.more ->> 'price_id')::uuid, rated_usage_id = (x.more ->> 'usage_id')::uuid,
      rated = coalesce((x.more ->> 'rated')::numeric, 0),
      charges = coalesce(x.more -> 'charges', '[]'), limits = x.more -> 'limits'
    FROM unnest(new_ids, new_more) AS x (id, more) WHERE h.id = x.id AND x.more IS NOT NULL;
  END IF;
  -- Where the reaper has not come, the next try does not wait for him. The locks that these ends need
  -- are held, and the new holds stand there to inherit.
  IF over_holds <> '[]' THEN
    PERFORM hold_settle(over_holds, business_now);
  END IF;
END
$$;
