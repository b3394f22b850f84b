locals {
  name_prefix           = "${var.project}-${var.environment}"
  snowflake_name_prefix = upper(replace(local.name_prefix, "-", "_"))
  bucket_name           = "${local.name_prefix}-raw-${var.bucket_suffix}"
  contracts_dir         = coalesce(var.contracts_dir, "${path.root}/../ingest/contracts")

  # The knot: the integration needs the role's ARN, the role's trust needs the integration's user and external id. An ARN
  # is made of names, and the names are known; so the integration comes first, the role after it, in one apply.
  snowflake_role_name = "${local.name_prefix}-snowflake-storage"
  snowflake_role_arn  = "arn:${var.aws_partition}:iam::${var.aws_account_id}:role/${local.snowflake_role_name}"
}

module "warehouse" {
  source = "./modules/warehouse"

  providers = {
    snowflake.sysadmin      = snowflake.sysadmin
    snowflake.securityadmin = snowflake.securityadmin
    snowflake.accountadmin  = snowflake.accountadmin
  }

  name_prefix           = local.snowflake_name_prefix
  contracts_dir         = local.contracts_dir
  schemas               = var.schemas
  stage_name            = var.stage_name
  bucket_name           = local.bucket_name
  storage_role_arn      = local.snowflake_role_arn
  storage_role_ready    = module.raw_lake.snowflake_role_ready
  retention_days        = var.retention_days
  warehouses            = var.warehouses
  load_warehouse        = var.load_warehouse
  enterprise_edition    = var.enterprise_edition
  monthly_credits       = var.monthly_credits
  notify_users          = var.notify_users
  service_ip_ranges     = var.service_ip_ranges
  loader_creates_tables = var.loader_creates_tables
  masking_policies      = var.masking_policies
  snowpipe_streams      = var.snowpipe_streams

  service_keys = {
    loader = { key_1 = var.loader_public_key, key_2 = var.loader_public_key_2 }
    dbt    = { key_1 = var.dbt_public_key, key_2 = var.dbt_public_key_2 }
    reader = { key_1 = var.reader_public_key, key_2 = var.reader_public_key_2 }
  }
}

module "raw_lake" {
  source = "./modules/raw_lake"

  name_prefix         = local.name_prefix
  bucket_name         = local.bucket_name
  account_id          = var.aws_account_id
  force_destroy       = var.force_destroy
  kms_enabled         = var.kms_enabled
  lifecycle_days      = var.lifecycle_days
  pipeline_principals = var.pipeline_principals
  ingest_reads_data   = var.ingest_reads_data
  loader_reads_data   = var.loader_reads_data
  github              = var.github

  snowflake = {
    role_name    = local.snowflake_role_name
    iam_user_arn = module.warehouse.integration.iam_user_arn
    external_id  = module.warehouse.integration.external_id
  }

  # Whether there are pipes is known before there is a queue.
  snowpipe = {
    enabled   = length(var.snowpipe_streams) > 0
    queue_arn = module.warehouse.snowpipe_queue_arn
  }
}
