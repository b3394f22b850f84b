"""The platform's own data: what a run did, as a record that waits in the lake until a warehouse has taken it in."""
