"""The servers of the stack, each started on a free port of 127.0.0.1, and stopped with its parent."""
