-- Refuses a statement that writes a journal whose lines do not sum to zero. Every journal is
-- written by one statement, so the check needs that statement's rows alone.
CREATE FUNCTION ledger_journals_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added GROUP BY organization_id, journal_id, unit HAVING sum(amount) <> 0)
  THEN
    RAISE EXCEPTION 'a journal does not sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER ledger_journals_balance AFTER INSERT ON ledger_ledgerentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_journals_balance();
