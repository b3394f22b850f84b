"""A simulated history of a shop and its provider, and the marts that must result from it."""
