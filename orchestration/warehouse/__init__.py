"""The lake's files into a warehouse, version by version, each exactly once.

protocol   what a warehouse must be able to do
ddl        tables and columns, from the contracts; how a warehouse spells types and names
fit        what a table lacks of its contract
ledger     RAW._LOADS: which versions are in
loader     what is loaded, in which order, in which transaction; the same for every warehouse
connect    the warehouse that the settings name
answer     the answer to an SQL query, and how it is shown
duckdb     DuckDB as the warehouse
snowflake  Snowflake as the warehouse
cli        `python -m orchestration.warehouse load | status | history | query | reload`
"""
