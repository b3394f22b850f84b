"""`ingest doctor`: whether bucket, credentials and sources are as the platform takes them to be.

`bucket` is about the bucket's settings, `writing` about what its writer can and cannot do, `postgres` and `api` about
the sources. Nothing that a check does lasts.
"""
