"""dbt as a subprocess: `runner` runs it, `events` reads its JSON log, `project` gives it the platform's variables.

`sources` generates the project's sources from the contracts: python -m orchestration.dbt.sources
"""
