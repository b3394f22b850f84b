variable "name_prefix" {
  description = "What the name of every object of the account begins with, such as DP_MAILBLAZE_DEMO_DEV."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z][A-Z0-9_]{2,99}$", var.name_prefix))
    error_message = "name_prefix must be upper-case letters, digits and underscores, letter first: such names need no quotes in SQL."
  }
}

variable "contracts_dir" {
  description = "Folder with the data contracts, from which the tables of RAW are made."
  type        = string
  nullable    = false
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

  validation {
    condition     = alltrue([for name in values(var.schemas) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Names of schemas must be upper-case letters, digits and underscores, letter first."
  }

  validation {
    condition     = length(distinct(values(var.schemas))) == length(values(var.schemas))
    error_message = "The five schemas must have different names."
  }
}

variable "stage_name" {
  description = "Name of the external stage in RAW; the loader's SNOWFLAKE_STAGE."
  type        = string
  default     = "STG_S3_RAW"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z][A-Z0-9_]*$", var.stage_name))
    error_message = "stage_name must be upper-case letters, digits and underscores, letter first."
  }
}

variable "retention_days" {
  description = "Days of Time Travel: 0 or 1 on Standard edition, up to 90 on Enterprise."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.retention_days >= 0 && var.retention_days <= 90 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 0 to 90."
  }
}

variable "bucket_name" {
  description = "The raw bucket, which the stage shows."
  type        = string
  nullable    = false
}

variable "storage_role_arn" {
  description = "ARN of the role that the storage integration takes on. A string, not a reference: the role's trust needs this integration's user and external id, so it can only be made afterwards."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:(aws|aws-cn|aws-us-gov):iam::[0-9]{12}:role/.+$", var.storage_role_arn))
    error_message = "storage_role_arn must be the ARN of an IAM role, in the partition aws, aws-cn or aws-us-gov."
  }
}

variable "storage_role_ready" {
  description = "Anything that is known only once the role of storage_role_arn is there with its policy: pipes wait for it."
  type        = string
  default     = null
}

variable "warehouses" {
  description = "The three warehouses by workload (load, transform, bi): size, seconds until an idle one is suspended, seconds that a statement may run or wait for a slot, generation, query acceleration (Enterprise and above). An XSMALL one of generation 1 costs a credit an hour, one of generation 2 about 1.35; query acceleration costs extra, beside the warehouse."
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

  validation {
    condition     = toset(keys(var.warehouses)) == toset(["load", "transform", "bi"])
    error_message = "There must be exactly the warehouses load, transform and bi: each workload has its own, so that none waits for another and each one's cost is seen."
  }

  validation {
    condition     = alltrue([for warehouse in values(var.warehouses) : contains(["XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE"], warehouse.size)])
    error_message = "A warehouse's size must be XSMALL, SMALL, MEDIUM, LARGE or XLARGE (16 credits an hour)."
  }

  validation {
    condition     = alltrue([for warehouse in values(var.warehouses) : contains(["1", "2"], warehouse.generation)])
    error_message = "A warehouse's generation must be \"1\" or \"2\"."
  }

  validation {
    condition     = var.enterprise_edition || !anytrue([for warehouse in values(var.warehouses) : warehouse.query_acceleration])
    error_message = "Query acceleration needs enterprise_edition."
  }

  validation {
    condition     = alltrue([for warehouse in values(var.warehouses) : warehouse.auto_suspend_seconds >= 30 && warehouse.auto_suspend_seconds <= 3600])
    error_message = "auto_suspend_seconds must be 30 to 3600: 0 would mean never, and a minute is what every resumption costs at least."
  }

  validation {
    condition     = alltrue([for warehouse in values(var.warehouses) : warehouse.statement_seconds >= 1 && warehouse.statement_seconds <= 86400 && warehouse.queued_statement_seconds >= 1])
    error_message = "statement_seconds must be 1 to 86400 and queued_statement_seconds at least 1: 0 would mean no limit."
  }
}

variable "load_warehouse" {
  description = "The warehouse that the loader works on: load, or transform, where loads are small. Loads and transformations follow one another, so that one warehouse for both resumes once a run."
  type        = string
  default     = "load"
  nullable    = false

  validation {
    condition     = contains(["load", "transform"], var.load_warehouse)
    error_message = "load_warehouse must be load or transform."
  }
}

variable "enterprise_edition" {
  description = "Whether the account's edition is Enterprise or above. Only there is query acceleration, which new accounts have on, and only there can it be turned off."
  type        = bool
  default     = false
  nullable    = false
}

variable "monthly_credits" {
  description = "Credits a month of the three warehouses together; at 100 % they are suspended when their statements end, at 110 % at once."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.monthly_credits >= 1
    error_message = "monthly_credits must be at least 1: Snowflake reads 0 as no quota at all."
  }
}

variable "notify_users" {
  description = "Snowflake users (with a verified e-mail address) who hear when 50, 75 and 90 % of the credits are used."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "service_keys" {
  description = "RSA public keys (PEM, or its base64 alone) of the service users `loader`, `dbt` and `reader`. Two slots each: a new key goes into the free one, programs change over, then the old one is emptied."
  type = object({
    loader = optional(object({ key_1 = optional(string), key_2 = optional(string) }), {})
    dbt    = optional(object({ key_1 = optional(string), key_2 = optional(string) }), {})
    reader = optional(object({ key_1 = optional(string), key_2 = optional(string) }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for key in compact(flatten([for keys in var.service_keys : values(keys)])) :
      can(regex("^MII[A-Za-z0-9+/]{300,}={0,2}$", replace(replace(key, "/-----(BEGIN|END) PUBLIC KEY-----/", ""), "/\\s+/", "")))
    ])
    error_message = "service_keys must be RSA public keys of at least 2048 bits: `openssl rsa -in key.p8 -pubout`. A private key never belongs here."
  }
}

variable "service_ip_ranges" {
  description = "CIDR ranges from which the service users may log in; none: from anywhere that the account's own policy allows."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for range in var.service_ip_ranges : can(cidrhost(range, 0))])
    error_message = "service_ip_ranges must be CIDR ranges, such as 203.0.113.0/24."
  }

  validation {
    condition     = !contains(var.service_ip_ranges, "0.0.0.0/0")
    error_message = "0.0.0.0/0 allows everybody; leave service_ip_ranges empty to say so."
  }
}

variable "loader_creates_tables" {
  description = "Whether the loader may make tables in RAW itself: to build a stream anew (`reload`), and for a contract that Terraform has not seen yet."
  type        = bool
  default     = true
  nullable    = false
}

variable "masking_policies" {
  description = "Whether the edition has masking policies (Enterprise and above). Then RAW's columns that a contract classifies as pii are masked for all but the loader and the transformer."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.enterprise_edition || !var.masking_policies
    error_message = "masking_policies needs enterprise_edition."
  }
}

variable "snowpipe_streams" {
  description = "Streams whose files Snowpipe brings to RAW.<STREAM>__PIPE within a minute; none by default."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for stream in var.snowpipe_streams : can(regex("^[a-z][a-z0-9_]*$", stream))])
    error_message = "snowpipe_streams must be names of streams."
  }
}
