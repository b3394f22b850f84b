"""Servers that the measured programs talk to."""
