# RAW's tables. Terraform makes them, the loader owns them.

resource "snowflake_table" "raw" {
  provider = snowflake.sysadmin
  for_each = module.tables.tables

  database = snowflake_database.this.name
  schema   = snowflake_schema.this["raw"].name
  name     = each.key
  comment  = each.value.comment

  dynamic "column" {
    for_each = each.value.columns

    content {
      name     = column.value.name
      type     = column.value.type
      nullable = column.value.nullable
    }
  }

  lifecycle {
    # A column that a source and its contract have gained is added by the loader, in the moment in which it is first
    # needed, and a NUMBER is widened so. Terraform would otherwise drop a column that it does not know yet, with data.
    ignore_changes = [column]
  }
}

# The owner of a table may alter it. SYSADMIN, who has all these roles, keeps the power to drop it. It hands tables on
# itself: with another role the ownership would fall to that one on destroy, and SYSADMIN could not drop them.
resource "snowflake_grant_ownership" "raw_table" {
  provider = snowflake.sysadmin
  for_each = merge(snowflake_table.raw, { for stream, table in snowflake_table.pipe : "pipe:${stream}" => table })

  account_role_name   = snowflake_account_role.this["loader"].name
  outbound_privileges = "COPY"

  on {
    object_type = "TABLE"
    object_name = "\"${each.value.database}\".\"${each.value.schema}\".\"${each.value.name}\""
  }

  # In a schema with managed access, tables can only be handed to roles below the schema's owner.
  depends_on = [snowflake_grant_account_role.to_sysadmin]
}
