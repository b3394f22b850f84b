# Where the edition has masking policies: one tag, put on every column of RAW that a contract classifies as pii, and one
# policy a data type, put on the tag. All of ACCOUNTADMIN's: no other role may put a policy on a tag.
#
# CURRENT_ROLE and not IS_ROLE_IN_SESSION: the latter is true as well for roles above and for secondary roles.

locals {
  masked_columns = var.masking_policies ? merge([
    for name, table in module.tables.tables : {
      for column in table.columns : "${name}.${column.name}" => { table = name, column = column.name, type = split("(", column.type)[0] } if column.pii
    }
  ]...) : {}
  masked_types   = toset([for column in values(local.masked_columns) : column.type])
  unmasked_roles = join(", ", [for role in ["loader", "transformer"] : "'${var.name_prefix}_${upper(role)}'"])
}

resource "snowflake_masking_policy" "pii" {
  provider = snowflake.accountadmin
  for_each = local.masked_types

  database         = snowflake_database.this.name
  schema           = snowflake_schema.this["raw"].name
  name             = "MASK_PII_${each.value}"
  comment          = "Personal data is seen by those who load and model it"
  return_data_type = each.value
  body             = "CASE WHEN CURRENT_ROLE() IN (${local.unmasked_roles}) THEN VAL ELSE ${each.value == "VARCHAR" ? "'********'" : "NULL"} END"

  argument {
    name = "VAL"
    type = each.value
  }
}

resource "snowflake_tag" "pii" {
  provider = snowflake.accountadmin
  count    = var.masking_policies ? 1 : 0

  database         = snowflake_database.this.name
  schema           = snowflake_schema.this["raw"].name
  name             = "PII"
  comment          = "Personal data, as the data contracts classify it"
  masking_policies = [for policy in snowflake_masking_policy.pii : "\"${policy.database}\".\"${policy.schema}\".\"${policy.name}\""]
}

resource "snowflake_tag_association" "pii" {
  provider = snowflake.accountadmin
  count    = length(local.masked_columns) > 0 ? 1 : 0

  object_type        = "COLUMN"
  object_identifiers = [for column in local.masked_columns : "${local.schema["raw"]}.\"${snowflake_table.raw[column.table].name}\".\"${column.column}\""]
  tag_id             = "${local.schema["raw"]}.\"${snowflake_tag.pii[0].name}\""
  tag_value          = "contract"
}
