"""Measures the platform beside the tools that people would use instead: `make bench`, or `python -m bench --list`.

Whole processes are measured, interleaved, and every figure of docs/BENCHMARKS.md is written by this program.
"""
