-- The advisory lock of an organization's account row while there is none.
CREATE FUNCTION account_key(organization uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hashtextextended('account:' || organization::text, 0)
$$;
