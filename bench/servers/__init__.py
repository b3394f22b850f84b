"""Servers that the measured programs use."""
