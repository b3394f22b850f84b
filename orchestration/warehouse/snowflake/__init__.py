"""Snowflake as the warehouse: settings, login and session; COPY; a lease in place of a lock; translation of its errors.

copy_history compares the ledger with Snowflake's own history of loads.
"""
