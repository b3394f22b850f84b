"""The containerised ingest worker: a Prefect agent that lands one stream at a time, as other flow runs ask it to.

It imports `ingest` and `orchestration.runtime`, and neither a warehouse nor dbt: its image has neither.

stream_flow   the flow that lands one stream; landing does it
verify_flow   the flow that compares whole tables with the lake
handoff       how a stream's outcome gets back to the run that asked for it: through the lake
"""
