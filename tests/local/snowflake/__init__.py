"""The rules of the emulated account (local/snowflake/emulator/README.md), asked through the real connector."""
