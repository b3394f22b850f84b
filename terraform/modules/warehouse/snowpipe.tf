# For the 100x case, off by default: files arrive in Snowflake within a minute, without a warehouse.
#
# A pipe loads whatever lies under a prefix, also what no commit names yet or ever (an orphan). So it does not fill
# RAW.<STREAM>, which holds committed rows exactly once, but RAW.<STREAM>__PIPE; committed batches are told apart there by
# _BATCH_ID, which is in the commit.

locals {
  pipes = {
    for stream in var.snowpipe_streams : stream => {
      table  = "${upper(stream)}__PIPE"
      prefix = "${try(module.tables.streams[stream].prefix, "")}/${stream}/"
    }
  }
}

resource "snowflake_table" "pipe" {
  provider = snowflake.sysadmin
  for_each = local.pipes

  database = snowflake_database.this.name
  schema   = snowflake_schema.this["raw"].name
  name     = each.value.table
  comment  = "Files of ${each.key} as they arrive, committed or not"

  dynamic "column" {
    for_each = try(module.tables.tables[upper(each.key)].columns, [])

    content {
      name     = column.value.name
      type     = column.value.type
      nullable = column.value.nullable
    }
  }

  depends_on = [snowflake_grant_ownership.raw_tables, snowflake_grant_account_role.to_sysadmin]

  lifecycle {
    precondition {
      condition     = contains(keys(module.tables.streams), each.key)
      error_message = "snowpipe_streams: there is no contract of a stream '${each.key}'."
    }
  }
}

# CREATE PIPE with AUTO_INGEST takes on the storage role at once, which the same apply makes after the integration; and a
# new role is not known everywhere in AWS for some seconds ("Changes that I make are not always immediately visible" in the
# user guide of IAM).
resource "terraform_data" "role_is_known" {
  count = length(local.pipes) > 0 ? 1 : 0

  triggers_replace = [var.storage_role_ready]

  provisioner "local-exec" {
    command = "sleep 20"
  }
}

resource "snowflake_pipe" "this" {
  provider = snowflake.sysadmin
  for_each = local.pipes

  database    = snowflake_database.this.name
  schema      = snowflake_schema.this["raw"].name
  name        = "PIPE_${upper(each.key)}"
  comment     = "New files of ${each.key}"
  auto_ingest = true

  copy_statement = join(" ", [
    "COPY INTO ${local.schema["raw"]}.\"${snowflake_table.pipe[each.key].name}\"",
    "FROM @${local.schema["raw"]}.\"${snowflake_stage_external_s3.this.name}\"/${each.value.prefix}",
    # As the loader's own. A named format cannot say NULL_IF = (): the provider takes an empty list for none at all.
    "FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE NULL_IF = ())",
    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
  ])

  depends_on = [terraform_data.role_is_known]
}
