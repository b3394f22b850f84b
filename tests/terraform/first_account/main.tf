# The raw lake as terraform/main.tf makes it, from the same variables, where no Snowflake account can be applied to: the test
# of docs/FIRST_ACCOUNT.md copies this beside terraform/.
terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "s3" {
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }
}

variable "environment" {
  type = string
}

variable "bucket_suffix" {
  type = string
}

variable "aws_account_id" {
  type = string
}

variable "aws_region" {
  type = string
}

variable "pipeline_principals" {
  type = object({
    arns     = optional(list(string), [])
    services = optional(list(string), [])
  })
}

variable "monthly_credits" {
  type = number
}

variable "force_destroy" {
  type = bool
}

provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.aws_account_id]
  s3_use_path_style   = true
}

module "raw_lake" {
  source = "../terraform/modules/raw_lake"

  name_prefix         = "dp-mailblaze-demo-${var.environment}"
  bucket_name         = "dp-mailblaze-demo-${var.environment}-raw-${var.bucket_suffix}"
  account_id          = var.aws_account_id
  force_destroy       = var.force_destroy
  pipeline_principals = var.pipeline_principals

  snowflake = {
    role_name    = "dp-mailblaze-demo-${var.environment}-snowflake-storage"
    iam_user_arn = "arn:aws:iam::${var.aws_account_id}:user/snowflake"
    external_id  = "EMULATED"
  }
}

output "bucket" {
  value = module.raw_lake.bucket
}

output "aws_role_arns" {
  value = module.raw_lake.role_arns
}
