"""The platform in containers, as a user has it: `docker compose up`, runs by Prefect's API and UI, and bad days.

`make e2e` runs them on one stack of their own, in the order of the files. Each test leaves all rows equal behind it.
"""
