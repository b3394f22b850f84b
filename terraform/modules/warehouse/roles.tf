# Three roles, granted up to SYSADMIN, and three users who are programs.

locals {
  roles = {
    loader      = "Loads the lake into RAW"
    transformer = "Builds everything behind RAW with dbt"
    reader      = "Reads the marts"
  }
}

resource "snowflake_account_role" "this" {
  provider = snowflake.securityadmin
  for_each = local.roles

  name    = "${var.name_prefix}_${upper(each.key)}"
  comment = each.value
}

resource "snowflake_grant_account_role" "to_sysadmin" {
  provider = snowflake.securityadmin
  for_each = snowflake_account_role.this

  role_name        = each.value.name
  parent_role_name = "SYSADMIN"
}

locals {
  # What a key is without PEM's first and last line.
  service_keys = {
    for user, keys in var.service_keys : user => {
      for slot, key in keys : slot => key == null ? null : replace(replace(key, "/-----(BEGIN|END) PUBLIC KEY-----/", ""), "/\\s+/", "")
    }
  }
  service_users = {
    loader = { role = "loader", warehouse = "load", comment = "The loader" }
    dbt    = { role = "transformer", warehouse = "transform", comment = "dbt, and queries as the reader" }
    reader = { role = "reader", warehouse = "bi", comment = "Queries of the marts" }
  }
  # dbt's user may act as the reader too: so it is seen what readers see.
  roles_of_users = {
    "loader/loader"   = { user = "loader", role = "loader" }
    "dbt/transformer" = { user = "dbt", role = "transformer" }
    "dbt/reader"      = { user = "dbt", role = "reader" }
    "reader/reader"   = { user = "reader", role = "reader" }
  }
}

# Of type SERVICE: no password, no way into the web interface. Secondary roles are off, so that a session has the
# privileges of the one role that it names.
resource "snowflake_service_user" "this" {
  provider = snowflake.securityadmin
  for_each = local.service_users

  name                           = "${var.name_prefix}_SVC_${upper(each.key)}"
  comment                        = each.value.comment
  default_role                   = snowflake_account_role.this[each.value.role].name
  default_warehouse              = "${var.name_prefix}_${upper(each.value.warehouse)}_WH"
  default_secondary_roles_option = "NONE"
  rsa_public_key                 = local.service_keys[each.key].key_1
  rsa_public_key_2               = local.service_keys[each.key].key_2
  network_policy                 = one(snowflake_network_policy.services[*].name)

  # What the models take for granted, whatever the account's own defaults are. The loader's sessions say so themselves.
  timezone               = "UTC"
  timestamp_type_mapping = "TIMESTAMP_NTZ"
  timestamp_input_format = "AUTO"
}

resource "snowflake_grant_account_role" "to_user" {
  provider = snowflake.securityadmin
  for_each = local.roles_of_users

  role_name = snowflake_account_role.this[each.value.role].name
  user_name = snowflake_service_user.this[each.value.user].name
}

resource "snowflake_network_policy" "services" {
  provider = snowflake.securityadmin
  count    = length(var.service_ip_ranges) > 0 ? 1 : 0

  name            = "${var.name_prefix}_SERVICES"
  comment         = "From where the service users may log in"
  allowed_ip_list = var.service_ip_ranges
}
