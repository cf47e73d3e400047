-- What was asked for never changes; only which invoice takes it, as long as none has for good.
CREATE OR REPLACE FUNCTION invoice_item_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moving text[] := ARRAY['invoice_id', 'dropped_at', 'disputed_at'];
BEGIN
  IF to_jsonb(NEW) - moving IS DISTINCT FROM to_jsonb(OLD) - moving
     OR OLD.dropped_at IS NOT NULL
     OR EXISTS (SELECT FROM invoices_invoice i
                WHERE i.organization_id = OLD.organization_id AND i.id = OLD.invoice_id
                  AND i.status <> 'draft') THEN
    RAISE EXCEPTION 'what was asked for never changes, nor leaves a final invoice';
  END IF;
  RETURN NEW;
END
$$;
