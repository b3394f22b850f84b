"""Who may do what: keys, roles, users, warehouses, integrations, grants, and what a session uses."""
