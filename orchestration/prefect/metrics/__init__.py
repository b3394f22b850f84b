"""`/metrics` at the agent: what a monitor asks of the platform, in Prometheus' text format.

figures   what is known, as of when, and from where
families  the same as metrics; every name, with its help and source, is here
gather    how it is read: Prefect's API, the lake's logs and hints, the note of the newest run
exporter  the server, and the reading beside the agent

A scrape reads nothing: it shows what was read last. So it takes milliseconds whatever is away, and neither a scrape nor
a source that is away ends or delays the agent.
"""
