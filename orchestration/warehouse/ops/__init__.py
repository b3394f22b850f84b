"""The platform's own data in MART: what each run did, as rows. The platform writes these tables, dbt describes them."""
