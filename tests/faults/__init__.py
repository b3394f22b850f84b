"""What happens when the parts that the platform depends on misbehave: S3, the provider's API, Postgres, clocks."""
