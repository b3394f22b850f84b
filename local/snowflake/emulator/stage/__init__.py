"""Stages, the S3 behind them, and COPY of Parquet."""
