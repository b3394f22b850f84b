"""dbt on a database of its own, in a process of its own."""
