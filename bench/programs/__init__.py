"""Programs that are measured for comparison, in the environment of the project."""
