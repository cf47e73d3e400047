CREATE FUNCTION jobs_queue_places()
RETURNS TABLE (job_id uuid, place bigint, seconds double precision) LANGUAGE sql STABLE AS $$
    -- The order of the claim, read ahead: the next job is always of the organization with the
    -- fewest running, then the longest unserved, a plan's priority being a head start; so job
    -- number k of an organization is served in its round running + k, and others go first while
    -- their round is lower. How many jobs a plan lets run at once is left out: that only delays.
    -- The seconds are the expected work ahead, running jobs' rest included, over the workers that
    -- are at work.
    WITH queue AS (
        SELECT q.id, q.organization_id, q.queued_at,
            row_number() OVER own AS number,
            sum(coalesce(q.expected_seconds, 60)) OVER own AS upto,
            coalesce(q.expected_seconds, 60) AS expected
        FROM jobs_finetuningjob AS q
        WHERE q.state = 'queued'
        WINDOW own AS (PARTITION BY q.organization_id ORDER BY q.queued_at, q.id)
    ), busy AS (
        SELECT greatest(1, count(DISTINCT r.worker)) AS workers,
            coalesce(sum(greatest(0, coalesce(
                (r.progress ->> 'eta_seconds')::double precision,
                coalesce(r.expected_seconds, 60)
                    - extract(epoch FROM clock_timestamp() - r.claimed_at)::double precision
            ))), 0) AS rest
        FROM jobs_finetuningjob AS r
        WHERE r.state = 'running'
    ), load AS (
        SELECT queue.organization_id, count(*) AS waiting, min(queue.queued_at) AS since,
            (SELECT count(*) FROM jobs_finetuningjob AS r
              WHERE r.organization_id = queue.organization_id AND r.state = 'running') AS running,
            coalesce((SELECT max(s.claimed_at) FROM jobs_finetuningjob AS s
              WHERE s.organization_id = queue.organization_id), '-infinity') AS served
        FROM queue
        GROUP BY queue.organization_id
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
    ), ahead AS (
        SELECT mine.id, other.organization_id AS other, least(other.waiting, greatest(0,
            mine.number + me.running - other.running - 1
            + ((other.served_turn, other.since_turn) < (me.served_turn, me.since_turn))::int))
            AS jobs
        FROM queue AS mine CROSS JOIN me CROSS JOIN turn AS other
        WHERE mine.organization_id = app.organization()
          AND other.organization_id <> app.organization()
    ), others AS (
        SELECT ahead.id, sum(ahead.jobs) AS jobs, sum(queue.upto) AS seconds
        FROM ahead
        LEFT JOIN queue ON queue.organization_id = ahead.other AND queue.number = ahead.jobs
        GROUP BY ahead.id
    )
    SELECT mine.id,
        (mine.number + coalesce(others.jobs, 0))::bigint,
        (busy.rest + mine.upto - mine.expected + coalesce(others.seconds, 0)) / busy.workers
    FROM queue AS mine
    CROSS JOIN busy
    LEFT JOIN others ON others.id = mine.id
    WHERE mine.organization_id = app.organization()
$$;
