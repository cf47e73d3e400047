"""SQL of the first migration: the fence, and two figures over all organizations, naming none."""

FENCE = "CREATE SEQUENCE jobs_fence"
DROP_FENCE = "DROP SEQUENCE jobs_fence"

QUEUE_PLACES = """
CREATE OR REPLACE FUNCTION jobs_queue_places()
RETURNS TABLE (job_id uuid, place bigint) LANGUAGE sql STABLE AS $$
    -- The order of the claim, read ahead: the next job is always of the organization with the
    -- fewest running, then the longest unserved; so job number k of an organization is served in
    -- its round running + k, and others go first while their round is lower.
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
    ), me AS (
        SELECT * FROM load WHERE organization_id = app.organization()
    ), mine AS (
        SELECT id, row_number() OVER (ORDER BY queued_at, id) AS number
        FROM jobs_finetuningjob
        WHERE state = 'queued' AND organization_id = app.organization()
    )
    SELECT mine.id, mine.number + coalesce((
        SELECT sum(least(other.waiting, greatest(0,
            mine.number + me.running - other.running - 1
            + ((other.served, other.since) < (me.served, me.since))::int)))
        FROM load AS other, me
        WHERE other.organization_id <> app.organization()
    ), 0)::bigint
    FROM mine
$$
"""

SPEED = """
CREATE OR REPLACE FUNCTION jobs_speed(p_base text, p_tier text)
RETURNS TABLE (p50 double precision, p10 double precision) LANGUAGE sql STABLE AS $$
    -- Trained tokens per second of the last fifty jobs of this kind on this installation.
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.speed),
           percentile_cont(0.1) WITHIN GROUP (ORDER BY recent.speed)
    FROM (
        SELECT trained_tokens / seconds AS speed
        FROM jobs_finetuningjob
        WHERE state = 'succeeded' AND base = p_base AND tier = p_tier
          AND seconds > 0 AND trained_tokens > 0
        ORDER BY finished_at DESC
        LIMIT 50
    ) AS recent
$$
"""
