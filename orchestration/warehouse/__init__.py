"""The lake's files into a warehouse, version by version, each exactly once.

protocol   what a warehouse must be able to do
ddl        tables and columns, from the contracts; how a warehouse spells types and names
ledger     RAW._LOADS: which versions are in
loader     what is loaded, in which order, in which transaction; the same for every warehouse
duckdb     DuckDB as the warehouse; lake_reader gives it `s3://`
snowflake  Snowflake as the warehouse, in modules of that prefix: settings, login, session, copy, lock (a lease), errors
copy_history  the ledger against Snowflake's own history of loads
lock       one writer at a time
publish    the copy that readers open
connect    the warehouse that the settings name
__main__   `python -m orchestration.warehouse load | status | history | query | reload`
"""
