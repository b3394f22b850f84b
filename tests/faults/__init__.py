"""Misbehaviour of the parts that the platform depends on: S3, the provider's API, Postgres, clocks."""
