"""Whole tables compared with what the lake has of them, by key and content, and landed where they differ.

A change that moves no cursor is invisible to an incremental run, and counts do not show it. Here every row is read at
the run's snapshot, as it would be landed, and compared with the lake's current row of its key. Memory does not grow
with the table, only local disk does.
"""
