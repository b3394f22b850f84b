"""What the platform would cost a month on AWS and Snowflake, worked out from what `make bench` measured.

prices        list prices, each with its source
measurement   what the model takes from docs/benchmarks.json
model         how that becomes a month's bill, at any size and any number of runs
page          docs/COST.md: the tables between its markers
"""
