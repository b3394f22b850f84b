"""One ingestion: streams of one source are read at one moment, and committed to the lake.

runner            opens an ingestion, and ingests a stream with retries
shared            the horizon and the snapshot that all streams of an ingestion share, whichever process lands them
extract_postgres, extract_saas  turn each kind of source into commits
keys_pass         compares source_keys by key_difference, lands deletions, and leaves the set of a key_set_plan
window            the bounds of what is read
context           the inputs and the result of every extraction
quarantine, retry_records, retry_rows  retry records that broke the contract
verification      compares whole streams, and lands the differences
"""
