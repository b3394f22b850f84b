"""One ingestion: streams of one source are read at one moment, and committed to the lake.

runner            opens an ingestion, and ingests a stream with retries
shared            the horizon and the snapshot that all streams of an ingestion share, whichever process lands them
extract_postgres, extract_saas  how each kind of source becomes commits
window            the bounds of what is read
context           what every extraction is given, and what it returns
quarantine, retry_records, retry_rows  records that broke the contract, tried once more
verification      whole streams compared, and what differs landed
"""
