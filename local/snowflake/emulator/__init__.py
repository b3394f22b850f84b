"""An emulated Snowflake account. README.md describes its scope and its limits. `protocol.http` is its entry point."""
