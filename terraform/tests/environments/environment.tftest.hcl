# An environment's own file, planned with all that a first apply does not know yet unknown: no number of resources may
# depend on such a value.
#   terraform test -test-directory=tests/environments -var-file=environments/prod.tfvars

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

mock_provider "snowflake" {
  alias = "sysadmin"
}

mock_provider "snowflake" {
  alias = "securityadmin"
}

mock_provider "snowflake" {
  alias = "accountadmin"
}

run "can_be_planned_at_once" {
  command = plan

  variables {
    snowflake_organization = "MYORG"
    snowflake_account      = "MYACCOUNT"
    snowpipe_streams       = ["email_events", "orders"]
  }

  assert {
    condition     = output.app_env.ENVIRONMENT == var.environment
    error_message = "The programs hear which environment it is."
  }

  assert {
    condition     = output.app_env.WAREHOUSE_DATABASE == "DP_MAILBLAZE_DEMO_${upper(var.environment)}_DB" && startswith(output.app_env.RAW_BUCKET, "dp-mailblaze-demo-${var.environment}-raw-")
    error_message = "The environment is in every name."
  }
}
