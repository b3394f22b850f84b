"""Faults on demand: `injection` selects the answers that fail, `middleware` makes them fail."""
