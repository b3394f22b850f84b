"""The commands of `python -m orchestration.warehouse`, and their output."""
