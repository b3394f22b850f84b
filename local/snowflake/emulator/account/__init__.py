"""The account's objects, and the state that its sessions share. This package knows no statements."""
