"""Statements on databases, schemas, tables and views: queries, changes, creation, description."""
