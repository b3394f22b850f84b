"""A week of the shop in fast motion: a run every quarter of an hour of business time, 672 in all.

rhythm      what goes on before each run: the business's time is an input, and no clock is read
builds      dbt in a process that stays warm, with the statements of each node, as Snowflake is sent them
statements  how many those are, by what a node is
selection   which nodes a run's plan selects, by dbt's manifest
line        the steps of a run as the flow takes them, without Prefect
judgement   whether source, lake, RAW and marts are the same at the end
facts       what is counted of a run, and of the lake
"""
