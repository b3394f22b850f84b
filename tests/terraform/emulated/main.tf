# The raw lake with all its options, on an emulated AWS, with its state where terraform/bootstrap has made a place for it.
# The test copies this beside terraform/.
terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "s3" {
    key                         = "emulated/terraform.tfstate"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }
}

variable "account_id" {
  type = string
}

variable "queue_arn" {
  type = string
}

variable "snowflake_external_id" {
  type = string
}

provider "aws" {
  allowed_account_ids = [var.account_id]
  s3_use_path_style   = true

  default_tags {
    tags = { environment = "emulated" }
  }
}

module "raw_lake" {
  source = "../terraform/modules/raw_lake"

  name_prefix         = "dp-mailblaze-demo-dev"
  bucket_name         = "dp-mailblaze-demo-dev-raw-3dfbc1"
  account_id          = var.account_id
  force_destroy       = true
  kms_enabled         = true
  pipeline_principals = { arns = ["arn:aws:iam::${var.account_id}:root"] }
  snowpipe            = { enabled = true, queue_arn = var.queue_arn }

  snowflake = {
    role_name    = "dp-mailblaze-demo-dev-snowflake-storage"
    iam_user_arn = "arn:aws:iam::${var.account_id}:user/snowflake"
    external_id  = var.snowflake_external_id
  }

  github = {
    repository   = "owner/name"
    environment  = "dev"
    state_bucket = "dp-mailblaze-demo-tfstate-${var.account_id}"
    state_key    = "emulated/terraform.tfstate"
  }
}

output "bucket" {
  value = module.raw_lake.bucket
}

output "kms_key_arn" {
  value = module.raw_lake.kms_key_arn
}

output "role_arns" {
  value = module.raw_lake.role_arns
}
