"""The platform's cost a month on AWS and Snowflake, computed from the measurements of `make bench`.

prices        list prices, each with its source
measurement   the model's input from docs/benchmarks.json
model         the computation of a month's bill, at any size and any number of runs
page          docs/COST.md: the tables between its markers
"""
