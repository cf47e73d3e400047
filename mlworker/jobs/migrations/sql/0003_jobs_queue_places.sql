CREATE FUNCTION jobs_queue_places()
RETURNS TABLE (job_id uuid, place bigint) LANGUAGE sql STABLE AS $$
    -- The order of the claim, read ahead: the next job is always of the organization with the
    -- fewest running, then the longest unserved, a plan's priority being a head start; so job
    -- number k of an organization is served in its round running + k, and others go first while
    -- their round is lower. How many jobs a plan lets run at once is left out: that only delays.
    WITH load AS (
        SELECT q.organization_id, count(*) AS waiting,
            (SELECT count(*) FROM jobs_finetuningjob AS r
              WHERE r.organization_id = q.organization_id AND r.state = 'running') AS running,
            coalesce((SELECT max(s.claimed_at) FROM jobs_finetuningjob AS s
              WHERE s.organization_id = q.organization_id), '-infinity') AS served,
            min(q.queued_at) AS since
        FROM jobs_finetuningjob AS q
        WHERE q.state = 'queued'
        GROUP BY q.organization_id
    ), turn AS (
        SELECT load.*, served + handicap AS served_turn, since + handicap AS since_turn
        FROM load
        LEFT JOIN plan_limits_of(load.organization_id) AS l ON true
        -- 50 is the priority without a plan.
        CROSS JOIN LATERAL (
            SELECT coalesce(l.priority, 50) * interval '6 seconds' AS handicap
        ) AS h
    ), me AS (
        SELECT * FROM turn WHERE organization_id = app.organization()
    ), mine AS (
        SELECT id, row_number() OVER (ORDER BY queued_at, id) AS number
        FROM jobs_finetuningjob
        WHERE state = 'queued' AND organization_id = app.organization()
    )
    SELECT mine.id, mine.number + coalesce((
        SELECT sum(least(other.waiting, greatest(0,
            mine.number + me.running - other.running - 1
            + ((other.served_turn, other.since_turn) < (me.served_turn, me.since_turn))::int)))
        FROM turn AS other, me
        WHERE other.organization_id <> app.organization()
    ), 0)::bigint
    FROM mine
$$;
