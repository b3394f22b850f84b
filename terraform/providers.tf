provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.aws_account_id]

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
      managed-by  = "terraform"
    }
  }
}

# Who logs in, and with which key, is in the environment: SNOWFLAKE_USER, SNOWFLAKE_PRIVATE_KEY (see README.md).
# One role for each kind of work; ACCOUNTADMIN only for what no other role may do: the storage integration, the resource
# monitor and the warehouses under it, and masking by tag.
provider "snowflake" {
  alias                    = "sysadmin"
  organization_name        = var.snowflake_organization
  account_name             = var.snowflake_account
  authenticator            = "SNOWFLAKE_JWT"
  role                     = "SYSADMIN"
  preview_features_enabled = ["snowflake_table_resource", "snowflake_pipe_resource", "snowflake_file_format_parquet_resource"]
}

provider "snowflake" {
  alias             = "securityadmin"
  organization_name = var.snowflake_organization
  account_name      = var.snowflake_account
  authenticator     = "SNOWFLAKE_JWT"
  role              = "SECURITYADMIN"
}

provider "snowflake" {
  alias             = "accountadmin"
  organization_name = var.snowflake_organization
  account_name      = var.snowflake_account
  authenticator     = "SNOWFLAKE_JWT"
  role              = "ACCOUNTADMIN"
}
