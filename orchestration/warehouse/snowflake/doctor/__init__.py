"""`python -m orchestration.warehouse doctor`: what an account is, against what the platform takes it to be.

One module for each family of checks; `account` has the sessions of the three roles, and tables that do not last.
`examination` puts them in order. A check does what the platform does, and looks: a grant is tried, not read.
"""
