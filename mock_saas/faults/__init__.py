"""Injected faults: `injection` selects the responses that fail, `middleware` makes them fail."""
