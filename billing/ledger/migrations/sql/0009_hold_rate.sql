-- The price that rules `units` which no grant of the meter covers, the period whose use it counts
-- from, and what money to set aside for them. All pending units of a price and period are one pool:
-- whatever of it is captured, and in whatever order, costs no more than all of it, so what all
-- its open holds set aside together covers any of them. `whole` is what all of it will cost with these
-- units; a price per unit needs no look at the others, and `whole` is NULL then. `aside` is NULL
-- when no price rules or when it cannot be charged in advance. The caller holds the account's row
-- lock.
CREATE FUNCTION hold_rate(
  organization uuid, of_meter text, of_currency text, dims jsonb, units numeric,
  business_now timestamptz, INOUT price_id uuid, INOUT rated_usage_id uuid, OUT aside numeric,
  OUT whole numeric
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  price prices_price;
  period tstzrange;
  u ledger_ratedusage%ROWTYPE;
BEGIN
  IF price_id IS NULL THEN
    price := price_for(organization, of_meter, of_currency, coalesce(dims, '{}'), business_now);
    IF price.id IS NULL THEN RETURN; END IF;
    price_id := price.id;
    period := billing_period(organization, business_now);
    INSERT INTO ledger_ratedusage (id, created_at, organization_id, price_id, begins_at, ends_at,
                                   used, pending, aside, limits)
    VALUES (anneal_uuid7(), clock_timestamp(), organization, price.id, lower(period),
            upper(period), 0, 0, 0, '{}')
    ON CONFLICT (organization_id, price_id, begins_at) DO NOTHING;
    SELECT r.id INTO rated_usage_id FROM ledger_ratedusage r
    WHERE r.organization_id = organization AND r.price_id = price.id
      AND r.begins_at = lower(period);
  ELSE
    SELECT * INTO price FROM prices_price p WHERE p.id = price_id;
  END IF;
  IF price.model IN ('graduated', 'package') THEN
    SELECT * INTO u FROM ledger_ratedusage r WHERE r.id = rated_usage_id;
    whole := price_cost(price, u.used, u.pending + units);
    aside := greatest(whole - u.aside, 0);
  ELSE
    aside := price_ceiling(price, 0, 0, units);
  END IF;
END
$$;
