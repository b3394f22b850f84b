"""The platform's own data: a record of each run, which waits in the lake until a warehouse has imported it."""
