"""Simulates the shop's activity: advances it by spans of business time, in realistic transactions."""

from postgres.activity.advance import advance, latest_business_time
from postgres.activity.report import ActivityReport

__all__ = ["ActivityReport", "advance", "latest_business_time"]
