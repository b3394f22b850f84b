"""The page over the marts. It imports nothing of the platform: it reads the published MART, and that alone.

app          the entry: header, filters, navigation
views/       one module a page; a folder called pages is what Streamlit would run by itself
queries/     every query, one file each; relations/ are the filtered marts that they are made of
metrics      every metric, once
warehouse/   the published DuckDB file, or Snowflake as the reader
"""
