"""The page over the marts, in its own environment: `make test-analytics`."""
