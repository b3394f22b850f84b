"""Programs that are measured beside ours, in the environment of the project."""
