CREATE FUNCTION jobs_speed(p_base text, p_tier text)
RETURNS TABLE (
    device text, p50 double precision, p10 double precision,
    overhead_p50 double precision, overhead_p90 double precision, jobs bigint
) LANGUAGE sql STABLE AS $$
    -- Trained tokens per second of the last fifty jobs of this kind on the device that was used
    -- last, running and unfinished ones by their last checkpoint; and what whole attempts took
    -- beside their training.
    WITH kind AS (
        SELECT j.device, j.tokens_per_second, j.overhead_seconds, j.claimed_at
        FROM jobs_finetuningjob AS j
        WHERE j.base = p_base AND j.tier = p_tier AND j.tokens_per_second > 0
        ORDER BY j.claimed_at DESC NULLS LAST
        LIMIT 200
    ), recent AS (
        SELECT kind.* FROM kind
        WHERE kind.device = (
            SELECT k.device FROM kind AS k ORDER BY k.claimed_at DESC NULLS LAST LIMIT 1
        )
        ORDER BY kind.claimed_at DESC NULLS LAST
        LIMIT 50
    )
    SELECT recent.device,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.tokens_per_second),
        percentile_cont(0.1) WITHIN GROUP (ORDER BY recent.tokens_per_second),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.overhead_seconds),
        percentile_cont(0.9) WITHIN GROUP (ORDER BY recent.overhead_seconds),
        count(*)
    FROM recent
    GROUP BY recent.device
$$;
