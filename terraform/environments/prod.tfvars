environment    = "prod"
bucket_suffix  = "8b41e0"
aws_account_id = "443414059898"
aws_region     = "eu-central-1"

# A key of one's own; the pipeline runs as ECS tasks.
kms_enabled         = true
pipeline_principals = { services = ["ecs-tasks.amazonaws.com"] }

# Jobs of the environment `prod`, which GitHub lets run only as its protection rules say. A fork, being a newer repository,
# adds the numbers that are in its tokens: owner_id and repository_id, by `gh api repos/OWNER/NAME --jq '.owner.id, .id'`.
github = {
  repository   = "ZakareyaAhmad/dp-mailblaze-demo"
  environment  = "prod"
  state_bucket = "dp-mailblaze-demo-tfstate-443414059898"
  state_key    = "prod/terraform.tfstate"
}

# Enterprise edition: a week of Time Travel, masking by tag.
enterprise_edition = true
retention_days     = 7
masking_policies   = true
monthly_credits    = 200

# One warehouse for loads and dbt: they follow one another, and a load takes seconds (docs/COST.md).
load_warehouse = "transform"
