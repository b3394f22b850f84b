"""Measures the platform and alternative tools: `make bench`, or `python -m bench --list`.

Whole processes are measured, interleaved, and every figure of docs/BENCHMARKS.md is written by this program.
"""
