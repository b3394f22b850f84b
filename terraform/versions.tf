# The modules say which versions they can live with; this root also says which exact ones were tested, so that every
# `terraform init` takes the same. There is no lock file here: its hashes would be those of one build of the providers.
# Commit the one that your own init has verified with the registry (README.md).
terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100, 5.100.0"
    }
    snowflake = {
      source  = "snowflakedb/snowflake"
      version = ">= 2.19, < 3, 2.20.0"
    }
  }
}
