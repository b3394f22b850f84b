"""An emulated Snowflake account: what it is, and is not, is in README.md. `protocol.http` is its entrance."""
