variable "project" {
  description = "What every name begins with."
  type        = string
  default     = "dp-mailblaze-demo"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 30 lower-case letters, digits and hyphens, letter first."
  }
}

variable "environment" {
  description = "Which environment this is; the second part of every name, and the programs' ENVIRONMENT. Only dev takes the demo's placeholder secrets."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment must be dev, test or prod."
  }
}

variable "bucket_suffix" {
  description = "Last part of the raw bucket's name, which must be unique in all of AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{4,12}$", var.bucket_suffix))
    error_message = "bucket_suffix must be 4 to 12 lower-case letters and digits."
  }
}

variable "aws_account_id" {
  description = "The AWS account; with credentials of another one, Terraform refuses to run."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.aws_account_id))
    error_message = "aws_account_id must be the 12 digits of an AWS account."
  }
}

variable "aws_region" {
  description = "Region of the bucket; the nearer to Snowflake's, the cheaper."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be the name of a region, such as eu-central-1."
  }
}

variable "aws_partition" {
  description = "aws, or aws-cn or aws-us-gov."
  type        = string
  default     = "aws"
  nullable    = false

  validation {
    condition     = contains(["aws", "aws-cn", "aws-us-gov"], var.aws_partition)
    error_message = "aws_partition must be aws, aws-cn or aws-us-gov."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may remove the raw bucket with its data."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.force_destroy || var.environment == "dev"
    error_message = "Only in dev may the lake be destroyed with its data."
  }
}

variable "kms_enabled" {
  description = "Whether the bucket has an encryption key of its own."
  type        = bool
  default     = false
  nullable    = false
}

variable "lifecycle_days" {
  description = "After how many days: data moves to infrequent access, what was deleted or overwritten is gone for good, quarantined records are removed, uploads that broke off are removed."
  type = object({
    infrequent_access = optional(number, 90)
    noncurrent        = optional(number, 30)
    quarantine        = optional(number, 180)
    broken_uploads    = optional(number, 3)
  })
  default  = {}
  nullable = false
}

variable "pipeline_principals" {
  description = "Who may take on the AWS roles of ingest and of the loader: ARNs, and services such as ecs-tasks.amazonaws.com."
  type = object({
    arns     = optional(list(string), [])
    services = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "ingest_reads_data" {
  description = "Whether the AWS role of ingest may read data files too: for `verify`, for what was refused and is tried again, and for the first keys pass over a lake that an older release has landed."
  type        = bool
  default     = false
  nullable    = false
}

variable "loader_reads_data" {
  description = "Whether the AWS role of the loader may read data files too, as DuckDB does; Snowflake reads them with a role of its own."
  type        = bool
  default     = false
  nullable    = false
}

variable "github" {
  description = "The repository and environment whose GitHub Actions jobs may deploy; null: none. With `owner_id` and `repository_id` for a repository made or renamed since July 2026."
  type = object({
    repository        = string
    owner_id          = optional(string)
    repository_id     = optional(string)
    environment       = string
    state_bucket      = string
    state_key         = string
    oidc_provider_arn = optional(string)
  })
  default = null
}

variable "snowflake_organization" {
  description = "Snowflake's name of your organization: the part before the hyphen of the account identifier."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9]*$", var.snowflake_organization))
    error_message = "snowflake_organization must be letters and digits: the first part of ORGANIZATION-ACCOUNT."
  }
}

variable "snowflake_account" {
  description = "Snowflake's name of your account: the part behind the hyphen of the account identifier."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_]*$", var.snowflake_account))
    error_message = "snowflake_account must be letters, digits and underscores: the second part of ORGANIZATION-ACCOUNT."
  }
}

variable "schemas" {
  description = "Names of the schemas."
  type = object({
    raw          = optional(string, "RAW")
    staging      = optional(string, "STAGING")
    intermediate = optional(string, "INTERMEDIATE")
    mart         = optional(string, "MART")
    snapshots    = optional(string, "SNAPSHOTS")
  })
  default  = {}
  nullable = false
}

variable "stage_name" {
  description = "Name of the external stage in the raw schema."
  type        = string
  default     = "STG_S3_RAW"
  nullable    = false
}

variable "retention_days" {
  description = "Days of Snowflake's Time Travel: at most 1 on Standard edition."
  type        = number
  default     = 1
  nullable    = false
}

variable "warehouses" {
  description = "Size, time limits, generation and query acceleration of the Snowflake warehouses load, transform and bi."
  type = map(object({
    size                     = optional(string, "XSMALL")
    generation               = optional(string, "1")
    query_acceleration       = optional(bool, false)
    auto_suspend_seconds     = optional(number, 60)
    statement_seconds        = optional(number, 3600)
    queued_statement_seconds = optional(number, 600)
  }))
  default = {
    load      = {}
    transform = {}
    bi        = { statement_seconds = 600, queued_statement_seconds = 120 }
  }
  nullable = false
}

variable "load_warehouse" {
  description = "The warehouse that loads run on: load, or transform, which is cheaper while loads are small (docs/COST.md)."
  type        = string
  default     = "load"
  nullable    = false
}

variable "enterprise_edition" {
  description = "Whether the Snowflake edition is Enterprise or above: for masking_policies, more than a day of Time Travel, and query acceleration, which is then turned off where warehouses do not ask for it."
  type        = bool
  default     = false
  nullable    = false
}

variable "monthly_credits" {
  description = "Snowflake credits a month; then the warehouses are suspended."
  type        = number
  default     = 20
  nullable    = false
}

variable "notify_users" {
  description = "Snowflake users who hear of used-up credits."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "loader_public_key" {
  description = "RSA public key of the loader's user, PEM."
  type        = string
  default     = null
}

variable "loader_public_key_2" {
  description = "The other key of the loader's user, during a rotation."
  type        = string
  default     = null
}

variable "dbt_public_key" {
  description = "RSA public key of dbt's user, PEM."
  type        = string
  default     = null
}

variable "dbt_public_key_2" {
  description = "The other key of dbt's user, during a rotation."
  type        = string
  default     = null
}

variable "reader_public_key" {
  description = "RSA public key of the user who queries the marts and can do nothing else, PEM."
  type        = string
  default     = null
}

variable "reader_public_key_2" {
  description = "The other key of the reader's user, during a rotation."
  type        = string
  default     = null
}

variable "service_ip_ranges" {
  description = "CIDR ranges from which Snowflake's service users may log in; none: no policy."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "loader_creates_tables" {
  description = "Whether the loader may make tables in RAW itself; without it, `reload` is not for it."
  type        = bool
  default     = true
  nullable    = false
}

variable "masking_policies" {
  description = "Whether the Snowflake edition has masking policies (Enterprise and above), and they are to be used. Terraform's own user then needs a warehouse: SNOWFLAKE_WAREHOUSE, or its default one."
  type        = bool
  default     = false
  nullable    = false
}

variable "snowpipe_streams" {
  description = "Streams whose files Snowpipe brings to RAW.<STREAM>__PIPE; none by default."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "contracts_dir" {
  description = "Folder with the data contracts; by default those of this repository."
  type        = string
  default     = null
}
