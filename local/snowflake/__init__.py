"""An emulated Snowflake account: `emulator` implements it, `server` starts it, `account` makes its database and roles.

The emulator runs by `serve` in an environment of its own (`.venv-emulator`): it needs another DuckDB.
"""
