"""Loads the lake's files into a warehouse, version by version, each exactly once.

protocol   the interface of a warehouse
ddl        tables and columns, from the contracts; each warehouse's spelling of types and names
fit        adds and widens columns that a table lacks of its contract
ledger     RAW._LOADS: the loaded versions
loader     the order and the retries of loading; version_load loads one version in a transaction
connect    the warehouse that the settings name
answer     the result of an SQL query, and its output
duckdb     DuckDB as the warehouse
snowflake  Snowflake as the warehouse
cli        `python -m orchestration.warehouse load | status | history | query | reload`
"""
