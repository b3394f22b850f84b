# How Snowflake sees the raw lake.

locals {
  # What Snowflake calls S3 in each of AWS' partitions, and how it writes a place there. A storage integration reaches
  # China's and the US government's regions from a Snowflake account in such a region alone.
  # https://docs.snowflake.com/en/sql-reference/sql/create-storage-integration
  clouds = {
    aws        = { provider = "S3", scheme = "s3" }
    aws-cn     = { provider = "S3CHINA", scheme = "s3china" }
    aws-us-gov = { provider = "S3GOV", scheme = "s3gov" }
  }
  cloud = local.clouds[split(":", var.storage_role_arn)[1]]
  lake  = "${local.cloud.scheme}://${var.bucket_name}"
}

resource "snowflake_storage_integration_aws" "this" {
  provider = snowflake.accountadmin

  name                 = "${var.name_prefix}_S3_INT"
  comment              = "Raw lake ${local.lake}/, data files only"
  enabled              = true
  storage_provider     = local.cloud.provider
  storage_aws_role_arn = var.storage_role_arn

  # The stage shows the whole bucket, because the lake's log names files by their whole keys. What is no data is blocked
  # here, and the role may not read it either.
  storage_allowed_locations = ["${local.lake}/"]
  storage_blocked_locations = ["${local.lake}/_keys/", "${local.lake}/_log/", "${local.lake}/_quarantine/", "${local.lake}/_runs/", "${local.lake}/_ops/", "${local.lake}/_built/"]
}

# Snowflake asks for USAGE on the integration, beside that on the stage, of whoever makes a stage with it, and of whoever
# copies from such a stage or lists it: SYSADMIN makes it, the loader reads it.
# https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, "Usage notes"
resource "snowflake_grant_privileges_to_account_role" "integration" {
  provider = snowflake.accountadmin
  for_each = {
    sysadmin = "SYSADMIN"
    loader   = snowflake_account_role.this["loader"].name
  }

  account_role_name = each.value
  privileges        = ["USAGE"]

  on_account_object {
    object_type = "INTEGRATION"
    object_name = snowflake_storage_integration_aws.this.name
  }
}

# As the loader's own COPY statements say it, but for NULL_IF: for looking into files by hand.
resource "snowflake_file_format_parquet" "this" {
  provider = snowflake.sysadmin

  database               = snowflake_database.this.name
  schema                 = snowflake_schema.this["raw"].name
  name                   = "PARQUET_OF_INGEST"
  comment                = "Files of the raw lake"
  use_vectorized_scanner = "true"
  use_logical_type       = "true"
  binary_as_text         = "false"
}

resource "snowflake_stage_external_s3" "this" {
  provider = snowflake.sysadmin

  database            = snowflake_database.this.name
  schema              = snowflake_schema.this["raw"].name
  name                = var.stage_name
  comment             = "The raw lake"
  url                 = "${local.lake}/"
  storage_integration = snowflake_storage_integration_aws.this.name

  depends_on = [snowflake_grant_privileges_to_account_role.integration]
}
