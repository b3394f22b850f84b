"""`python -m orchestration.warehouse doctor`: checks that an account is as the platform assumes.

Each family of checks has its own module. `account` has the sessions of the three roles, and temporary scratch tables.
`examination` puts the checks in order. A check does what the platform does, and looks at the outcome: a grant is tried,
not read.
"""
