"""The containerised ingest worker: a Prefect agent that lands one stream at a time, as other flow runs ask it to.

It imports `ingest` and `orchestration.runtime`, but no warehouse and no dbt, which its image lacks.

stream_flow   the flow that lands one stream, by means of landing
verify_flow   the flow that compares whole tables with the lake
handoff       returns a stream's outcome to the run that asked for it, through the lake
"""
