"""Faults on demand: `injection` says which answers fail, `middleware` makes them fail."""
