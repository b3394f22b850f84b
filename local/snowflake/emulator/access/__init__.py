"""Access control: keys, roles, users, warehouses, integrations, grants, and the role and warehouse of a session."""
