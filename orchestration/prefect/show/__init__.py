"""Output of a run: the summary and the tables of its artifacts, its logs in the UI, its report in a terminal."""
