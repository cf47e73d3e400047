-- The first plans said nothing of calls in flight yet, and a published version changes only here.
ALTER TABLE plans_planversion DISABLE TRIGGER plans_planversion_keep;
SET LOCAL ROLE anneal_system;
UPDATE plans_planversion v SET calls_in_flight = first.calls
FROM (VALUES ('free', 8), ('starter', 32), ('pro', 128)) AS first (code, calls), plans_plan p
WHERE p.code = first.code AND p.id = v.plan_id AND v.version = 1;
RESET ROLE;
ALTER TABLE plans_planversion ENABLE TRIGGER plans_planversion_keep;
