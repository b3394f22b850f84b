-- Who had an address when. Two customers may have one address at the same time if their spellings differ only in case:
-- the first claimant holds it as long as they have it. A customer who lets go of an address stays its holder until
-- another customer claims it, because older mail is still opened. So no later claim changes what was resolved before
-- it.
with

versions as (
    select
        customer_id,
        version_number,
        email_hash,
        {{ in_history('known_from') }} as known_from,
        valid_to,
        is_deleted,
        case
            when lag(email_hash) over (partition by customer_id order by version_number) = email_hash then 0 else 1
        end as is_another_address
    from {{ ref('int_customer_versions') }}
),

numbered as (
    select
        *,
        sum(is_another_address) over (
            partition by customer_id order by version_number rows between unbounded preceding and current row
        ) as address_number
    from versions
),

-- Consecutive versions of a customer with one address are one claim.
claims as (
    select
        email_hash,
        customer_id,
        min(version_number) as first_version,
        min(known_from) as claimed_from,
        max(valid_to) as held_until,
        max(case when is_deleted then 1 else 0 end) as is_erased
    from numbered
    group by email_hash, customer_id, address_number
),

-- When an erased customer let go of the address is not recorded: at the latest when another customer came.
released as (
    select
        email_hash,
        customer_id,
        first_version,
        claimed_from,
        case
            when is_erased = 1 then least(
                held_until,
                coalesce(
                    lead(claimed_from) over (partition by email_hash order by claimed_from, customer_id), held_until
                )
            )
            else held_until
        end as held_until
    from claims
),

-- At any moment the holder is the earliest claimant who has not let go of the address.
in_turn as (
    select
        *,
        greatest(
            claimed_from,
            coalesce(
                max(held_until) over (
                    partition by email_hash order by claimed_from, customer_id
                    rows between unbounded preceding and 1 preceding
                ),
                claimed_from
            )
        ) as holds_from
    from released
),

holders as (
    select
        *,
        row_number() over (partition by email_hash order by holds_from) as holder_number
    from in_turn
    where holds_from < held_until
)

-- Before its first known holder landed, an address most likely belonged to that holder too.
select
    email_hash,
    customer_id,
    case when holder_number = 1 and first_version = 1 then {{ beginning_of_time() }} else holds_from end as valid_from,
    coalesce(
        lead(holds_from) over (partition by email_hash order by holder_number), {{ end_of_time() }}
    ) as valid_to
from holders
