"""The commands of `python -m orchestration.warehouse`, and what they print."""
