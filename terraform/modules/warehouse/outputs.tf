output "database" {
  description = "Name of the database."
  value       = snowflake_database.this.name
}

output "schemas" {
  description = "Names of the schemas: raw, staging, intermediate, mart, snapshots."
  value       = { for key, schema in snowflake_schema.this : key => schema.name }
}

output "roles" {
  description = "Names of the roles: loader, transformer, reader."
  value       = { for key, role in snowflake_account_role.this : key => role.name }
}

output "users" {
  description = "Names of the service users: loader, dbt, reader."
  value       = { for key, user in snowflake_service_user.this : key => user.name }
}

output "warehouses" {
  description = "Names of the warehouses: load, transform, bi."
  value       = { for key, warehouse in snowflake_warehouse.this : key => warehouse.name }
}

output "stage" {
  description = "Name of the external stage in RAW."
  value       = snowflake_stage_external_s3.this.name
}

output "integration" {
  description = "The storage integration: its name, and the IAM user and external id by which AWS knows it."
  value = {
    name         = snowflake_storage_integration_aws.this.name
    iam_user_arn = snowflake_storage_integration_aws.this.describe_output[0].iam_user_arn
    external_id  = snowflake_storage_integration_aws.this.describe_output[0].external_id
  }
}

output "raw_tables" {
  description = "RAW's tables as the contracts give them, by name."
  value       = module.tables.tables
}

output "snowpipe_queue_arn" {
  description = "The queue that S3 tells of new files, the same for every pipe of an account; null without pipes."
  value       = try(values(snowflake_pipe.this)[0].notification_channel, null)
}
