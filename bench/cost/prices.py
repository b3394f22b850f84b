"""List prices in US dollars, without tax, discount or free tier."""

from __future__ import annotations

from dataclasses import dataclass

XSMALL_CREDITS_AN_HOUR = {"1": 1.0, "2": 1.35}
"""By the generation of a warehouse. Source: Snowflake, "Service Consumption Table", table 1(a), on AWS."""
GENERATION = "1"
"""What Terraform sets (`warehouses`), and a test holds to it: new accounts take 2 where none is named."""


@dataclass(frozen=True)
class SnowflakePrices:
    """Standard edition, on demand, AWS Europe (Frankfurt).

    Source: Snowflake, "Service Consumption Table" and "Pricing options", as of November 2025.
    """

    credit: float = 2.60
    """One credit. Enterprise, which has masking policies, is half as much again."""
    storage_tb_month: float = 45.00
    """A TB a month on demand; 24.50 where capacity is bought beforehand."""
    xsmall_credits_an_hour: float = XSMALL_CREDITS_AN_HOUR[GENERATION]
    """Billed by the second, and for at least `minimum_seconds` after each resume."""
    minimum_seconds: float = 60.0
    free_cloud_services: float = 0.10
    """Cloud services are charged only above this share of a day's warehouse credits."""
    snowpipe_credits_a_gb: float = 0.0037
    """For each GB of Parquet as it lies in the bucket. The charge for each file was given up in 2025."""


@dataclass(frozen=True)
class S3Prices:
    """S3 in eu-central-1, first tier. Source: "Amazon S3 pricing", as of November 2025."""

    standard_gb_month: float = 0.0245
    infrequent_gb_month: float = 0.0135
    infrequent_minimum_bytes: int = 128 * 1024
    """Lifecycle rules leave smaller objects where they are."""
    put_per_thousand: float = 0.0054
    """PUT, COPY, POST and LIST."""
    get_per_thousand: float = 0.00043
    transition_per_thousand: float = 0.01


SNOWFLAKE = SnowflakePrices()
S3 = S3Prices()
