-- What is final stays as it is: of an invoice only what became of its money moves, its lines and
-- taxes are written while it is a draft, and a void one is over.
CREATE FUNCTION invoice_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moving text[] := ARRAY['payment_status', 'paid_minor', 'credited_minor', 'returned_minor', 'paid_at'];
BEGIN
  IF TG_OP = 'DELETE' OR (OLD.status <> 'draft'
     AND to_jsonb(NEW) - moving IS DISTINCT FROM to_jsonb(OLD) - moving) THEN
    RAISE EXCEPTION 'an invoice that is final or void never changes';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER invoices_invoice_keep BEFORE UPDATE OR DELETE ON invoices_invoice
FOR EACH ROW EXECUTE FUNCTION invoice_keep();

CREATE FUNCTION invoice_part_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM invoices_invoice i
                 WHERE i.organization_id = NEW.organization_id AND i.id = NEW.invoice_id
                   AND i.status = 'draft') THEN
    RAISE EXCEPTION 'only a draft gets lines and taxes';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER invoices_invoiceline_keep BEFORE INSERT ON invoices_invoiceline
FOR EACH ROW EXECUTE FUNCTION invoice_part_keep();
CREATE TRIGGER invoices_invoicetax_keep BEFORE INSERT ON invoices_invoicetax
FOR EACH ROW EXECUTE FUNCTION invoice_part_keep();

-- What was asked for never changes; only which invoice takes it, as long as none has for good.
CREATE FUNCTION invoice_item_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moving text[] := ARRAY['invoice_id', 'dropped_at'];
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
CREATE TRIGGER invoices_invoiceitem_keep BEFORE UPDATE ON invoices_invoiceitem
FOR EACH ROW EXECUTE FUNCTION invoice_item_keep();
