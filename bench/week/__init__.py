"""A simulated week of the shop: a run every quarter of an hour of business time, 672 in all.

rhythm      the business's activity before each run: its time is an input, and no clock is read
builds      dbt in a warm process, with the statements that dbt would send Snowflake for each node
statements  the number of these statements, by the kind of node
selection   the nodes that a run's plan selects, by dbt's manifest
line        the steps of a run as the flow takes them, without Prefect
judgement   the check that source, lake, RAW and marts are the same at the end
facts       the counts of a run, and of the lake
"""
