"""Statements on databases, schemas, tables and views: asking, changing, creating, describing."""
