"""Alternative tools for comparison. The scripts run in an environment of their own (requirements/bench.txt)."""
