with

runs as (

    select * from {{ source('ops', 'ops_runs') }}

),

run_streams as (

    select * from {{ source('ops', 'ops_run_streams') }}

),

-- A stream that was never read has been stale since the run that could not read it.
readings as (

    select
        run_streams.stream,
        run_streams.run_id,
        run_streams.read_until,
        run_streams.allowed_age_seconds,
        case
            when run_streams.read_until is null and run_streams.allowed_age_seconds is not null then runs.ended_at
            else run_streams.fresh_until
        end as fresh_until,
        runs.ended_at,
        runs.published_at is not null or runs.is_idle as is_in_marts
    from run_streams
    inner join runs on run_streams.run_id = runs.run_id
    inner join ({{ contract_streams() }}) as contract_streams on run_streams.stream = contract_streams.stream

),

newest as (

    select
        *,
        row_number() over (
            partition by stream order by read_until desc nulls last, ended_at desc, run_id
        ) as recency
    from readings

),

newest_in_marts as (

    select
        *,
        row_number() over (
            partition by stream order by read_until desc nulls last, ended_at desc, run_id
        ) as recency
    from readings
    where is_in_marts

),

behind_marts as (

    select
        mart_streams.mart,
        newest_in_marts.stream,
        newest_in_marts.run_id,
        newest_in_marts.allowed_age_seconds,
        newest_in_marts.fresh_until,
        min(newest_in_marts.read_until) over (partition by mart_streams.mart) as read_until,
        row_number() over (
            partition by mart_streams.mart
            order by newest_in_marts.fresh_until nulls last, newest_in_marts.read_until, newest_in_marts.stream
        ) as urgency
    from ({{ mart_streams() }}) as mart_streams
    inner join newest_in_marts on mart_streams.stream = newest_in_marts.stream and newest_in_marts.recency = 1

),

final as (

    select
        'stream' as subject_type,
        stream as subject,
        run_id,
        read_until,
        allowed_age_seconds,
        fresh_until,
        stream as limiting_stream
    from newest
    where recency = 1

    union all

    select
        'mart' as subject_type,
        mart as subject,
        run_id,
        read_until,
        allowed_age_seconds,
        fresh_until,
        stream as limiting_stream
    from behind_marts
    where urgency = 1

)

select * from final
