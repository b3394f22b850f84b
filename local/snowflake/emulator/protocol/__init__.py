"""Requests, logins, bindings, and the choice of a statement's handler."""
