"""Compares whole tables with the lake, by key and content, and lands the differences if asked to.

A change that moves no cursor is invisible to an incremental run, and counts do not show it. Here every row is read at
the run's snapshot, in the form in which it would be landed, and compared with the lake's current row of its key. Local
disk use grows with the table, memory does not.
"""
