"""Requests, logins, bindings, and which statement goes to which handler."""
