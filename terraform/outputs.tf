output "app_env" {
  description = "The programs' settings, as environment variables; no secret among them. `terraform output -json app_env | python -m orchestration.env` writes them into .env."
  value = {
    ENVIRONMENT                   = var.environment
    AWS_REGION                    = var.aws_region
    RAW_BUCKET                    = module.raw_lake.bucket
    WAREHOUSE                     = "snowflake"
    WAREHOUSE_DATABASE            = module.warehouse.database
    RAW_SCHEMA                    = module.warehouse.schemas["raw"]
    STAGING_SCHEMA                = module.warehouse.schemas["staging"]
    INTERMEDIATE_SCHEMA           = module.warehouse.schemas["intermediate"]
    MART_SCHEMA                   = module.warehouse.schemas["mart"]
    SNAPSHOTS_SCHEMA              = module.warehouse.schemas["snapshots"]
    SNOWFLAKE_ACCOUNT             = "${var.snowflake_organization}-${var.snowflake_account}"
    SNOWFLAKE_USER                = module.warehouse.users["loader"]
    SNOWFLAKE_DBT_USER            = module.warehouse.users["dbt"]
    SNOWFLAKE_READER_USER         = module.warehouse.users["reader"]
    SNOWFLAKE_LOADER_ROLE         = module.warehouse.roles["loader"]
    SNOWFLAKE_TRANSFORMER_ROLE    = module.warehouse.roles["transformer"]
    SNOWFLAKE_READER_ROLE         = module.warehouse.roles["reader"]
    SNOWFLAKE_LOAD_WAREHOUSE      = module.warehouse.warehouses[var.load_warehouse]
    SNOWFLAKE_TRANSFORM_WAREHOUSE = module.warehouse.warehouses["transform"]
    SNOWFLAKE_BI_WAREHOUSE        = module.warehouse.warehouses["bi"]
    SNOWFLAKE_STAGE               = module.warehouse.stage
  }
}

output "raw_bucket" {
  description = "The raw bucket."
  value       = module.raw_lake.bucket
}

output "aws_policy_arns" {
  description = "Policies to attach to whoever runs ingest (ingest-writer), its gc (orphan-collector), the loader (loader-reader)."
  value       = module.raw_lake.policy_arns
}

output "aws_role_arns" {
  description = "Roles of ingest, loader, snowflake and github, as far as they are wanted."
  value       = module.raw_lake.role_arns
}

output "storage_integration" {
  description = "The storage integration: its name, and the IAM user and external id by which AWS knows it."
  value       = module.warehouse.integration
}
