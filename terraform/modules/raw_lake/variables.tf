variable "name_prefix" {
  description = "What the name of every role, policy and key begins with, such as dp-mailblaze-demo-dev."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,34}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must be 3 to 36 lower-case letters, digits and hyphens, letter first: roles are called after it, in at most 64 characters."
  }
}

variable "bucket_name" {
  description = "Name of the raw bucket; unique in all of AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be 3 to 63 lower-case letters, digits and hyphens (no dots: TLS certificates do not cover them)."
  }
}

variable "account_id" {
  description = "The AWS account that owns all this."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may remove the bucket with the data that is in it."
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

  validation {
    condition     = var.lifecycle_days.infrequent_access >= 30
    error_message = "S3 takes no object to infrequent access before it is 30 days old."
  }

  validation {
    condition     = alltrue([for days in values(var.lifecycle_days) : days >= 1 && floor(days) == days])
    error_message = "lifecycle_days must be whole days, at least 1."
  }
}

variable "pipeline_principals" {
  description = "Who may take on the roles of ingest and of the loader: ARNs of users, roles or accounts, and services such as ecs-tasks.amazonaws.com. With neither, there are only the policies, to attach to identities of your own."
  type = object({
    arns     = optional(list(string), [])
    services = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in var.pipeline_principals.arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "pipeline_principals.arns must be ARNs of IAM users or roles, or arn:aws:iam::<account>:root; never \"*\"."
  }

  validation {
    condition     = alltrue([for service in var.pipeline_principals.services : can(regex("^[a-z0-9.-]+\\.amazonaws\\.com$", service))])
    error_message = "pipeline_principals.services must be service principals, such as ecs-tasks.amazonaws.com."
  }
}

variable "ingest_reads_data" {
  description = "Whether ingest may read data files too: for `verify`, for what was refused and is tried again, and for the first keys pass over a lake that an older release has landed."
  type        = bool
  default     = false
  nullable    = false
}

variable "loader_reads_data" {
  description = "Whether the loader may read data files too: DuckDB downloads them itself, Snowflake reads them with its own role."
  type        = bool
  default     = false
  nullable    = false
}

variable "snowflake" {
  description = "Whom Snowflake's storage integration acts as (`iam_user_arn`) and the external id that it presents. Null: no role for Snowflake. Both values may be unknown until apply; whether this is null may not."
  type = object({
    role_name    = string
    iam_user_arn = string
    external_id  = string
  })
  default = null

  validation {
    condition     = var.snowflake == null ? true : can(regex("^[\\w+=,.@-]{1,64}$", var.snowflake.role_name))
    error_message = "snowflake.role_name must be the name of an IAM role."
  }
}

variable "kms_enabled" {
  description = "Whether the bucket is encrypted with a key of one's own (about 1 USD a month, and a permission more for every reader) instead of S3's."
  type        = bool
  default     = false
  nullable    = false
}

variable "snowpipe" {
  description = "Whether S3 tells Snowpipe's queue of new data files, and the queue's ARN (it may be unknown until apply)."
  type = object({
    enabled   = bool
    queue_arn = optional(string)
  })
  default  = { enabled = false }
  nullable = false
}

variable "github" {
  description = "The repository and environment whose GitHub Actions jobs may deploy, and where the Terraform state lies that they use. Null: no such role. `owner_id` and `repository_id`: the numbers that GitHub puts into the subject of tokens of repositories made or renamed since July 2026 (`gh api repos/OWNER/NAME --jq '.owner.id, .id'`); leave them out for an older repository. `oidc_provider_arn`: the account's provider for GitHub where it has one, else it is made."
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

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github.repository))
    error_message = "github.repository must be owner/name, without wildcards or ids (owner_id, repository_id): whoever it matches may deploy."
  }

  validation {
    condition = var.github == null ? true : (var.github.owner_id == null) == (var.github.repository_id == null) && alltrue([
      for id in compact([var.github.owner_id, var.github.repository_id]) : can(regex("^[0-9]+$", id))
    ])
    error_message = "github.owner_id and github.repository_id must be the numbers of both, or neither: `gh api repos/OWNER/NAME --jq '.owner.id, .id'`."
  }

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9_.-]+$", var.github.environment))
    error_message = "github.environment must be the name of an environment of the repository, without wildcards."
  }
}
