-- A published version is a promise: whoever comes, it stays.
CREATE FUNCTION plan_version_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.published_at IS NOT NULL THEN
    RAISE EXCEPTION 'a published plan version never changes' USING ERRCODE = 'check_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER plans_planversion_keep BEFORE UPDATE OR DELETE ON plans_planversion
FOR EACH ROW EXECUTE FUNCTION plan_version_keep();
