# The whole, planned as a user would: real AWS provider, mocked Snowflake.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

mock_provider "snowflake" {
  alias           = "sysadmin"
  override_during = plan
}

mock_provider "snowflake" {
  alias           = "securityadmin"
  override_during = plan
}

mock_provider "snowflake" {
  alias           = "accountadmin"
  override_during = plan

  mock_resource "snowflake_storage_integration_aws" {
    defaults = {
      describe_output = [{
        id                       = "1"
        enabled                  = true
        provider                 = "S3"
        allowed_locations        = []
        blocked_locations        = []
        comment                  = ""
        iam_user_arn             = "arn:aws:iam::111122223333:user/abcd0000-s"
        external_id              = "MYORG_SFCRole=2_abc="
        object_acl               = ""
        role_arn                 = ""
        use_privatelink_endpoint = false
      }]
    }
  }
}

# tests/terraform.tfvars is environments/dev.tfvars.
variables {
  snowflake_organization = "MYORG"
  snowflake_account      = "MYACCOUNT"
}

run "one_apply_ties_the_knot" {
  command = plan

  variables {
    snowpipe_streams = ["email_events"]
  }

  assert {
    condition = jsonencode(jsondecode(module.raw_lake.snowflake_trust).Statement) == jsonencode([{
      Sid       = "SnowflakesUserWithOurExternalId"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:user/abcd0000-s" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = "MYORG_SFCRole=2_abc=" } }
    }])
    error_message = "The role trusts whom the integration of the same apply is."
  }

  assert {
    condition     = local.snowflake_role_arn == "arn:aws:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
    error_message = "The integration takes on the documents' role."
  }

  assert {
    condition = jsonencode(output.app_env) == jsonencode({
      ENVIRONMENT                   = "dev"
      AWS_REGION                    = "eu-central-1"
      RAW_BUCKET                    = "dp-mailblaze-demo-dev-raw-3dfbc1"
      WAREHOUSE                     = "snowflake"
      WAREHOUSE_DATABASE            = "DP_MAILBLAZE_DEMO_DEV_DB"
      RAW_SCHEMA                    = "RAW"
      STAGING_SCHEMA                = "STAGING"
      INTERMEDIATE_SCHEMA           = "INTERMEDIATE"
      MART_SCHEMA                   = "MART"
      SNAPSHOTS_SCHEMA              = "SNAPSHOTS"
      SNOWFLAKE_ACCOUNT             = "MYORG-MYACCOUNT"
      SNOWFLAKE_USER                = "DP_MAILBLAZE_DEMO_DEV_SVC_LOADER"
      SNOWFLAKE_DBT_USER            = "DP_MAILBLAZE_DEMO_DEV_SVC_DBT"
      SNOWFLAKE_READER_USER         = "DP_MAILBLAZE_DEMO_DEV_SVC_READER"
      SNOWFLAKE_LOADER_ROLE         = "DP_MAILBLAZE_DEMO_DEV_LOADER"
      SNOWFLAKE_TRANSFORMER_ROLE    = "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER"
      SNOWFLAKE_READER_ROLE         = "DP_MAILBLAZE_DEMO_DEV_READER"
      SNOWFLAKE_LOAD_WAREHOUSE      = "DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH"
      SNOWFLAKE_TRANSFORM_WAREHOUSE = "DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH"
      SNOWFLAKE_BI_WAREHOUSE        = "DP_MAILBLAZE_DEMO_DEV_BI_WH"
      SNOWFLAKE_STAGE               = "STG_S3_RAW"
    })
    error_message = "The programs' settings are the names of what is made."
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    project                = "dp_mailblaze"
    environment            = "prod"
    bucket_suffix          = "3d.fb"
    aws_account_id         = "443414059898 "
    aws_region             = "Frankfurt"
    force_destroy          = true
    aws_partition          = "amazon"
    snowflake_organization = "MYORG-MYACCOUNT"
    snowflake_account      = "my account"
  }

  expect_failures = [
    var.project, var.bucket_suffix, var.aws_account_id, var.aws_region, var.aws_partition, var.force_destroy,
    var.snowflake_organization, var.snowflake_account,
  ]
}
