"""The containers: their files, and what their programs promise."""
