# Who may do what: all of it is in these lists. Beside them there is ownership: the loader owns RAW's tables (raw.tf), and
# the transformer what dbt makes. Nobody of them owns a schema, and in schemas with managed access only that owner grants:
# so readers see what these lists say, whatever dbt's models may say.

locals {
  database = snowflake_database.this.name
  schema   = { for key, schema in snowflake_schema.this : key => "\"${schema.database}\".\"${schema.name}\"" }

  account_object_grants = {
    "loader/database"          = { role = "loader", type = "DATABASE", name = local.database, privileges = ["USAGE"] }
    "transformer/database"     = { role = "transformer", type = "DATABASE", name = local.database, privileges = ["USAGE"] }
    "reader/database"          = { role = "reader", type = "DATABASE", name = local.database, privileges = ["USAGE"] }
    "transformer/transform_wh" = { role = "transformer", type = "WAREHOUSE", name = snowflake_warehouse.this["transform"].name, privileges = local.working }
    "reader/bi_wh"             = { role = "reader", type = "WAREHOUSE", name = snowflake_warehouse.this["bi"].name, privileges = ["USAGE"] }
  }

  # A run suspends at its end what it worked on, hence OPERATE.
  working = ["USAGE", "OPERATE"]
  loader_warehouse_grants = {
    for workload in toset(["load", var.load_warehouse]) : "loader/${workload}_wh" => { role = "loader", type = "WAREHOUSE", name = snowflake_warehouse.this[workload].name, privileges = local.working }
  }

  # Readers see the marts alone: snapshots and staging are workings, and staging holds customers' addresses.
  schema_grants = {
    "loader/raw"      = { role = "loader", schema = "raw", privileges = concat(["USAGE"], var.loader_creates_tables ? ["CREATE TABLE"] : []) }
    "transformer/raw" = { role = "transformer", schema = "raw", privileges = ["USAGE"] }
    "reader/mart"     = { role = "reader", schema = "mart", privileges = ["USAGE"] }
  }
  building_grants = {
    for key in local.dbt_schemas : "transformer/${key}" => { role = "transformer", schema = key, privileges = ["USAGE", "CREATE TABLE", "CREATE VIEW"] }
  }

  select_grants = merge(
    { for kind in ["TABLES"] : "transformer/raw/${kind}" => { role = "transformer", schema = "raw", kind = kind } },
    { for kind in ["TABLES", "VIEWS"] : "reader/mart/${kind}" => { role = "reader", schema = "mart", kind = kind } },
  )
}

resource "snowflake_grant_privileges_to_account_role" "account_object" {
  provider = snowflake.securityadmin
  for_each = merge(local.account_object_grants, local.loader_warehouse_grants)

  account_role_name = snowflake_account_role.this[each.value.role].name
  privileges        = each.value.privileges

  on_account_object {
    object_type = each.value.type
    object_name = each.value.name
  }
}

resource "snowflake_grant_privileges_to_account_role" "schema" {
  provider = snowflake.securityadmin
  for_each = merge(local.schema_grants, local.building_grants)

  account_role_name = snowflake_account_role.this[each.value.role].name
  privileges        = each.value.privileges

  on_schema {
    schema_name = local.schema[each.value.schema]
  }
}

resource "snowflake_grant_privileges_to_account_role" "select_all" {
  provider = snowflake.securityadmin
  for_each = local.select_grants

  account_role_name = snowflake_account_role.this[each.value.role].name
  privileges        = ["SELECT"]

  on_schema_object {
    all {
      object_type_plural = each.value.kind
      in_schema          = local.schema[each.value.schema]
    }
  }

  # Once, for what is there; later tables have the grant below.
  depends_on = [snowflake_table.raw]
}

resource "snowflake_grant_privileges_to_account_role" "select_future" {
  provider = snowflake.securityadmin
  for_each = local.select_grants

  account_role_name = snowflake_account_role.this[each.value.role].name
  privileges        = ["SELECT"]

  on_schema_object {
    future {
      object_type_plural = each.value.kind
      in_schema          = local.schema[each.value.schema]
    }
  }
}

resource "snowflake_grant_privileges_to_account_role" "lake" {
  provider = snowflake.securityadmin
  for_each = {
    STAGE         = snowflake_stage_external_s3.this.name
    "FILE FORMAT" = snowflake_file_format_parquet.this.name
  }

  account_role_name = snowflake_account_role.this["loader"].name
  privileges        = ["USAGE"]

  on_schema_object {
    object_type = each.key
    object_name = "${local.schema["raw"]}.\"${each.value}\""
  }
}
