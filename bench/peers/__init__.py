"""Tools that people would use instead. The scripts run in an environment of their own (requirements/bench.txt)."""
