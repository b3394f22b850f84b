"""`ingest doctor`: checks that bucket, credentials and sources are as the platform assumes.

`bucket` checks the bucket's settings, `writing` what its writer may and may not do, `postgres` and `api` the sources.
No check leaves a lasting change.
"""
