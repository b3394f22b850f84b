# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/snowflakedb/snowflake" {
  version     = "2.20.0"
  constraints = ">= 2.19.0, < 3.0.0"
  hashes = [
    "h1:mkpPGFZQAzWrOxqDw78wMRFh7fWyCBmR3L20MDTakBk=",
  ]
}
