variable "project" {
  description = "What the bucket's name begins with."
  type        = string
  default     = "dp-mailblaze-demo"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 30 lower-case letters, digits and hyphens, letter first."
  }
}

variable "aws_account_id" {
  description = "The AWS account; the last part of the bucket's name."
  type        = string
  default     = "443414059898"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.aws_account_id))
    error_message = "aws_account_id must be the 12 digits of an AWS account."
  }
}

variable "aws_region" {
  description = "Region of the bucket."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be the name of a region, such as eu-central-1."
  }
}
