terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    snowflake = {
      source  = "snowflakedb/snowflake"
      version = ">= 2.19, < 3"

      configuration_aliases = [snowflake.sysadmin, snowflake.securityadmin, snowflake.accountadmin]
    }
  }
}
