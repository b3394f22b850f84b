# RAW's tables. Terraform makes them, the loader owns them: only a table's owner may alter it.

# Whoever makes a table in RAW, it is the loader's from its first moment on. Tables are not handed over one by one: who
# does that must have MANAGE GRANTS, and on destroy they would fall to that role, from which SYSADMIN could not drop them.
resource "snowflake_grant_ownership" "raw_tables" {
  provider = snowflake.securityadmin

  account_role_name = snowflake_account_role.this["loader"].name

  on {
    future {
      object_type_plural = "TABLES"
      in_schema          = local.schema["raw"]
    }
  }
}

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

  # SYSADMIN sees what the loader owns as the role above it.
  depends_on = [snowflake_grant_ownership.raw_tables, snowflake_grant_account_role.to_sysadmin]

  lifecycle {
    # A column that a source and its contract have gained is added by the loader, in the moment in which it is first
    # needed, and a NUMBER is widened so. Terraform would otherwise drop a column that it does not know yet, with data.
    ignore_changes = [column]
  }
}
