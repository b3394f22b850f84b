"""Snowflake as the warehouse: settings, login and session; COPY; a lease in place of a lock; what its errors mean.

copy_history holds the ledger against Snowflake's own history of loads.
"""
