"""Fault campaigns: attempts to break each promise of the platform.

Each campaign is seeded and ends with the same judgement (`judge`). `make chaos` runs them at full size, the tests of
this package at a small one.
"""
