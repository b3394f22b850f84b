"""An emulated Snowflake account: `server` starts it, `account` makes its database and roles, `emulator` is it.

The emulator runs by `serve` in an environment of its own (`.venv-emulator`): it needs another DuckDB.
"""
