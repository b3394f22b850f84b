"""Fault campaigns: what the platform promises, and how each promise was tried to be broken.

Each campaign is seeded and ends with the same judgement (`judge`). `make chaos` runs them at full size, the tests of
this package at a small one.
"""
