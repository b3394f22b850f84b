"""`/metrics` at the agent: the platform's metrics for a monitor, in Prometheus' text format.

figures   the known values, the time of each, and its source
families  the values as metrics: every name with its help and source
gather    the reading of Prefect's API, the lake's logs and hints, and the note of the newest run
exporter  the server, and the background reading beside the agent

A scrape reads no source: it shows the values read last. So it takes milliseconds whichever source is unavailable, and
neither a scrape nor an unavailable source ends or delays the agent.
"""
