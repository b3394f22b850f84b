# The names of the documents: bucket dp-mailblaze-demo-dev-raw-3dfbc1, database DP_MAILBLAZE_DEMO_DEV_DB.
# In a fork: another account, another suffix (names of buckets are unique in all of AWS).
environment    = "dev"
bucket_suffix  = "3dfbc1"
aws_account_id = "443414059898"
aws_region     = "eu-central-1"

# Anybody of the account whom its own policies allow to take on these roles.
pipeline_principals = { arns = ["arn:aws:iam::443414059898:root"] }

# snowflake_organization, snowflake_account and the public keys: TF_VAR_... in the environment.
# Enough for a run an hour of the demo's shop (docs/COST.md).
monthly_credits = 100

# One warehouse for loads and dbt: they follow one another, and a load takes seconds (docs/COST.md).
load_warehouse = "transform"
