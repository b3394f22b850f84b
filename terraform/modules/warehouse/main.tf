# The database, its schemas, and what runs the queries. SYSADMIN owns what is made here, unless it is handed on.

module "tables" {
  source        = "./tables"
  contracts_dir = var.contracts_dir
}

locals {
  dbt_schemas = ["staging", "intermediate", "mart", "snapshots"]
}

resource "snowflake_database" "this" {
  provider = snowflake.sysadmin

  name                           = "${var.name_prefix}_DB"
  comment                        = "Raw lake to marts"
  data_retention_time_in_days    = var.retention_days
  drop_public_schema_on_creation = true
}

resource "snowflake_schema" "this" {
  provider = snowflake.sysadmin
  for_each = var.schemas

  database            = snowflake_database.this.name
  name                = each.value
  with_managed_access = "true"
}

# A warehouse is made by ACCOUNTADMIN because only that role may put one under a resource monitor. The generation is named,
# since new accounts make warehouses of generation 2 where it is not, at a third more the hour
# (https://docs.snowflake.com/en/user-guide/warehouses-gen2); the monitor does not count what query acceleration costs.
resource "snowflake_warehouse" "this" {
  provider = snowflake.accountadmin
  for_each = var.warehouses

  name                                = "${var.name_prefix}_${upper(each.key)}_WH"
  comment                             = "Workload: ${each.key}"
  warehouse_size                      = each.value.size
  generation                          = each.value.generation
  enable_query_acceleration           = var.enterprise_edition ? tostring(each.value.query_acceleration) : null
  auto_suspend                        = each.value.auto_suspend_seconds
  auto_resume                         = "true"
  initially_suspended                 = true
  resource_monitor                    = snowflake_resource_monitor.this.name
  statement_timeout_in_seconds        = each.value.statement_seconds
  statement_queued_timeout_in_seconds = each.value.queued_statement_seconds
}

# Without a frequency the credits count from the beginning of each calendar month.
resource "snowflake_resource_monitor" "this" {
  provider = snowflake.accountadmin

  name                      = "${var.name_prefix}_MONITOR"
  credit_quota              = var.monthly_credits
  notify_triggers           = [50, 75, 90]
  suspend_trigger           = 100
  suspend_immediate_trigger = 110
  notify_users              = length(var.notify_users) > 0 ? var.notify_users : null
}
