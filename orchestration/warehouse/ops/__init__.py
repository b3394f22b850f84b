"""The platform's own data in MART: rows about each run. The platform writes these tables, dbt describes them."""
