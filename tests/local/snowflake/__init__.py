"""An emulated Snowflake account: what our SQL needs of one, over HTTP, for the Python connector and dbt-snowflake.

    .venv-emulator/bin/python -m local.snowflake.serve --port 14390      user and password: test

It runs in an environment of its own (requirements/emulator.txt), in memory. Rows lie in DuckDB; statements are parsed
by sqlglot; the HTTP routes, the result's Arrow and the types of statements follow fakesnow. The rest is `account/`, a
module a rule, and each rule has a test here, asked through the real connector:

    http, login, keys                       requests and sessions; key pairs, tokens, a request that is sent twice
    dispatch, tokens                        which statement goes where; all that nobody handles is refused
    strictness, known_functions             what DuckDB would take and Snowflake would not
    translate, functions, conversions,      names, types and functions in DuckDB's words
      macros, types, lengths
    transaction, locks                      READ COMMITTED; writers of a table take turns; a failure does not commit
    queries, tables, alter_table, schemas   what is asked and changed; catalog: what DuckDB does not keep
    stage_*, s3, copy, parquet              stages within their integration; COPY of Parquet, all or nothing
    privileges, *_statements, objects       roles, grants and future grants, enforced; users, warehouses, policies
    show*, describe, information_schema,    what the account tells of itself, with COPY_HISTORY and QUERY_HISTORY
      table_functions, history

What is unknown is an error, with Snowflake's number where it has one, else 000002 "Unsupported feature". What is let
through differs in this, as far as we know:

- the session's time zone is UTC, and TIMESTAMP_TZ keeps the instant without its offset; times have microseconds, and
  finer ones are refused.
- whole numbers without a declared type (count(*), literals) print as NUMBER(38,0), texts as VARCHAR(16777216); a
  quotient has six more digits after the point than its dividend, also where Snowflake would have fewer.
- after its first write a transaction reads the snapshot in which it wrote. A statement that fails in the middle of its
  work after that loses the transaction: all but ROLLBACK is refused with 000603, nothing of it is kept.
- UPDATE, DELETE and MERGE lock the whole table; LOCK_TIMEOUT is 20 seconds by default; no deadlock is detected.
- COPY refuses what Snowflake would round or convert. The process's own AWS credentials stand for the storage role.
- not enforced: who may create roles and users, and other global privileges; ACCOUNTADMIN and SYSADMIN may do
  everything. A view sees what its owner sees.
- two objects whose names differ only in case are refused.
"""
