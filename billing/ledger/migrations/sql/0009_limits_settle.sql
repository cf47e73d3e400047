-- Moves what a hold's capture used from held to used in the counts of its limits, and at its end
-- lets go of the rest; writes a notice for each threshold reached. A limit that came while the hold
-- was open counts all that is captured from then on: it is never widened by what came before it.
-- A limit of money of the organization or its plan is a pool as the money is (see hold_charge):
-- what a capture costs beyond the hold's own part comes out of what the other open holds count
-- there, in their windows, as far as what is pending leaves it, and at the hold's end what is left
-- goes to them as long as they count too little. So nothing it let in brings it above its amount.
-- `closed` are holds that this call has ended already. The caller holds the account's row lock, and
-- the money has been charged.
CREATE FUNCTION limits_settle(
  of_hold uuid, units numeric, money numeric, closing boolean, closed uuid[],
  business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  h ledger_hold%ROWTYPE;
  l record; c record; other record;
  own uuid;
  part numeric; rest numeric; share numeric; surplus numeric; others numeric; needed numeric;
  total numeric; spent jsonb; gone jsonb; pool jsonb := '{}';
BEGIN
  SELECT * INTO h FROM ledger_hold WHERE id = of_hold;
  FOR l IN
    SELECT s.id, s.unit, s.amount, s.removed_at IS NULL AS rules,
           CASE WHEN s.removed_at IS NULL THEN s.alerts ELSE '{}' END AS alerts,
           s.unit <> h.unit AND s.scope IN ('organization', 'plan') AS shares,
           CASE s."window" WHEN 'total' THEN 'epoch'::timestamptz
                ELSE date_trunc(s."window", coalesce(h.taken_at, business_now), 'UTC') END
             AS begins_at
    FROM ledger_spendinglimit s
    WHERE s.organization_id = h.organization_id
      AND (s.id IN (SELECT n.limit_id FROM jsonb_object_keys(h.limits) AS k (id)
                    JOIN ledger_limitcount n ON n.id = k.id::uuid)
           OR (s.removed_at IS NULL AND s.unit IN (h.unit, h.currency)
               AND (s.subject_id IS NULL OR (s.scope = 'key' AND s.subject_id = h.api_key_id)
                    OR (s.scope = 'member' AND s.subject_id = h.member_id))))
    ORDER BY s.id
  LOOP
    part := CASE WHEN l.unit = h.unit THEN units ELSE money END;
    total := CASE WHEN l.unit = h.unit THEN h.captured - h.refunded
                  ELSE h.charged - h.charge_refunded - money END;
    SELECT n.id INTO own FROM ledger_limitcount n
    WHERE n.organization_id = h.organization_id AND n.limit_id = l.id
      AND n.begins_at = l.begins_at;
    IF l.rules AND part > 0 AND (own IS NULL OR NOT h.limits ? own::text) THEN
      INSERT INTO ledger_limitcount (id, created_at, organization_id, limit_id, begins_at, held,
                                     used)
      VALUES (anneal_uuid7(), clock_timestamp(), h.organization_id, l.id, l.begins_at, 0, 0)
      ON CONFLICT (organization_id, limit_id, begins_at) DO UPDATE SET used = ledger_limitcount.used
      RETURNING id INTO own;
      h.limits := h.limits || jsonb_build_object(own, 0);
      h.limits_from := h.limits_from || jsonb_build_object(own, total);
    END IF;

    spent := '{}'; gone := '{}'; rest := part; surplus := 0;
    FOR c IN
      SELECT n.id, (x.held #>> '{}')::numeric AS held
      FROM jsonb_each(h.limits) AS x (id, held) JOIN ledger_limitcount n ON n.id = x.id::uuid
      WHERE n.limit_id = l.id ORDER BY n.id = own DESC, n.id
    LOOP
      IF own IS NULL OR NOT h.limits ? own::text THEN own := c.id; END IF;
      share := least(rest, c.held);
      rest := rest - share; surplus := surplus + c.held - share;
      spent := spent || jsonb_build_object(c.id, share);
      gone := gone || jsonb_build_object(c.id, share);
      h.limits := h.limits || jsonb_build_object(c.id, c.held - share);
    END LOOP;
    CONTINUE WHEN spent = '{}';

    IF l.shares AND h.rated > 0 AND (rest > 0 OR (closing AND surplus > 0)) THEN
      SELECT coalesce((r.limits ->> l.id::text)::numeric, 0) - (part - rest) - surplus,
             price_cost(p, r.used, r.pending)
      INTO others, needed
      FROM ledger_ratedusage r JOIN prices_price p ON p.id = r.price_id
      WHERE r.id = h.rated_usage_id;
      FOR other IN
        SELECT x.id AS hold, n.id, (k.held #>> '{}')::numeric AS held
        FROM ledger_hold x CROSS JOIN LATERAL jsonb_each(x.limits) AS k (id, held)
        JOIN ledger_limitcount n ON n.id = k.id::uuid
        WHERE rest > 0 AND others > needed AND x.rated_usage_id = h.rated_usage_id
          AND x.state = 'held' AND x.id <> of_hold AND x.id <> ALL (closed)
          AND n.limit_id = l.id AND k.held > '0'
        ORDER BY x.id, n.id
      LOOP
        share := greatest(least(rest, other.held, others - needed), 0);
        EXIT WHEN share = 0;
        rest := rest - share; others := others - share;
        UPDATE ledger_hold x SET limits = x.limits || jsonb_build_object(other.id, other.held - share)
        WHERE x.id = other.hold;
        IF NOT h.limits ? other.id::text THEN
          h.limits := h.limits || jsonb_build_object(other.id, 0);
          h.limits_from := h.limits_from || jsonb_build_object(other.id, total);
        END IF;
        spent := jsonb_add(spent, jsonb_build_object(other.id, share));
        gone := jsonb_add(gone, jsonb_build_object(other.id, share));
      END LOOP;
      IF closing AND l.rules AND surplus > 0 AND needed > others THEN
        SELECT x.id INTO other FROM ledger_hold x
        WHERE x.rated_usage_id = h.rated_usage_id AND x.state = 'held' AND x.id <> of_hold
          AND x.id <> ALL (closed) AND x.rated > x.rated_captured ORDER BY x.id LIMIT 1;
        FOR c IN
          SELECT n.id, (x.held #>> '{}')::numeric AS held
          FROM jsonb_each(h.limits) AS x (id, held) JOIN ledger_limitcount n ON n.id = x.id::uuid
          WHERE other.id IS NOT NULL AND n.limit_id = l.id AND x.held > '0' ORDER BY n.id
        LOOP
          share := least(c.held, needed - others);
          EXIT WHEN share = 0;
          others := others + share;
          UPDATE ledger_hold x SET limits = jsonb_add(x.limits, jsonb_build_object(c.id, share)),
            limits_from = CASE WHEN x.limits ? c.id::text OR x.charged = x.charge_refunded
              THEN x.limits_from
              ELSE x.limits_from || jsonb_build_object(c.id, x.charged - x.charge_refunded) END
          WHERE x.id = other.id;
          h.limits := h.limits || jsonb_build_object(c.id, c.held - share);
        END LOOP;
      END IF;
    END IF;
    spent := jsonb_add(spent, jsonb_build_object(own, rest));
    IF closing THEN
      FOR c IN
        SELECT n.id, (x.held #>> '{}')::numeric AS held
        FROM jsonb_each(h.limits) AS x (id, held) JOIN ledger_limitcount n ON n.id = x.id::uuid
        WHERE n.limit_id = l.id AND x.held > '0'
      LOOP
        gone := jsonb_add(gone, jsonb_build_object(c.id, c.held));
        h.limits := h.limits || jsonb_build_object(c.id, 0);
      END LOOP;
    END IF;
    IF l.shares THEN
      SELECT h.limits_from || coalesce(jsonb_object_agg(x.id, part - (x.amount #>> '{}')::numeric
               + coalesce((h.limits_from ->> x.id)::numeric, 0)), '{}')
      INTO h.limits_from
      FROM jsonb_each(spent) AS x (id, amount) WHERE (x.amount #>> '{}')::numeric < part;
      pool := pool || jsonb_build_object(
        l.id, -(SELECT sum((x.amount #>> '{}')::numeric) FROM jsonb_each(gone) AS x (id, amount)));
    END IF;
    UPDATE ledger_limitcount n SET held = n.held - coalesce((gone ->> x.id)::numeric, 0),
      used = n.used + (x.amount #>> '{}')::numeric
    FROM jsonb_each(spent) AS x (id, amount) WHERE n.id = x.id::uuid;
    INSERT INTO ledger_notice (id, created_at, organization_id, rule, period, threshold, unit, used,
                               amount, reached_at)
    SELECT anneal_uuid7(), clock_timestamp(), h.organization_id, 'limit:' || l.id, n.begins_at,
           t.percent, l.unit, n.used, l.amount, business_now
    FROM jsonb_each(spent) AS x (id, amount)
    JOIN ledger_limitcount n ON n.id = x.id::uuid
    CROSS JOIN unnest(l.alerts) AS t (percent)
    WHERE x.amount > '0' AND n.used >= l.amount * t.percent / 100
    ORDER BY t.percent
    ON CONFLICT (organization_id, rule, period, threshold) DO NOTHING;
  END LOOP;
  UPDATE ledger_hold SET limits = h.limits, limits_from = h.limits_from WHERE id = of_hold;
  IF h.rated_usage_id IS NOT NULL AND pool <> '{}' THEN
    UPDATE ledger_ratedusage r SET limits = jsonb_add(r.limits, pool) WHERE r.id = h.rated_usage_id;
  END IF;
END
$$;
