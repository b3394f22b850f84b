"""The pages over the marts. This package imports nothing of the platform: it reads only the published MART.

app          the entry: header, filters, navigation
views/       one module for each page; a folder called pages is what Streamlit would run by itself
queries/     every query, one file each; relations/ are the filtered marts that queries read
metrics      every metric, once
warehouse/   the published DuckDB file, or Snowflake as the reader
"""
