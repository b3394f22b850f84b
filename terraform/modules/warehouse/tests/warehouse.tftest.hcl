# Plans with a mocked Snowflake: the provider's schema checks arguments and types, nothing is asked of an account.

mock_provider "snowflake" {
  alias           = "sysadmin"
  override_during = plan
}

mock_provider "snowflake" {
  alias           = "securityadmin"
  override_during = plan
}

mock_provider "snowflake" {
  alias           = "accountadmin"
  override_during = plan

  mock_resource "snowflake_storage_integration_aws" {
    defaults = {
      describe_output = [{
        id                       = "1"
        enabled                  = true
        provider                 = "S3"
        allowed_locations        = []
        blocked_locations        = []
        comment                  = ""
        iam_user_arn             = "arn:aws:iam::111122223333:user/abcd0000-s"
        external_id              = "MYORG_SFCRole=2_abc="
        object_acl               = ""
        role_arn                 = ""
        use_privatelink_endpoint = false
      }]
    }
  }
}

variables {
  name_prefix      = "DP_MAILBLAZE_DEMO_DEV"
  contracts_dir    = "../../../ingest/contracts"
  bucket_name      = "dp-mailblaze-demo-dev-raw-3dfbc1"
  storage_role_arn = "arn:aws:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
}

run "names_the_lake_and_costs" {
  command = plan

  variables {
    loader_creates_tables = false
  }

  assert {
    condition     = jsonencode([output.database, output.schemas, output.stage, output.integration.name]) == jsonencode(["DP_MAILBLAZE_DEMO_DEV_DB", { intermediate = "INTERMEDIATE", mart = "MART", raw = "RAW", snapshots = "SNAPSHOTS", staging = "STAGING" }, "STG_S3_RAW", "DP_MAILBLAZE_DEMO_DEV_S3_INT"])
    error_message = "The names are the documents'."
  }

  assert {
    condition     = alltrue([for schema in snowflake_schema.this : schema.with_managed_access == "true"]) && snowflake_database.this.drop_public_schema_on_creation
    error_message = "All schemas are under managed access, and there is no PUBLIC."
  }

  assert {
    condition     = snowflake_storage_integration_aws.this.storage_aws_role_arn == "arn:aws:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
    error_message = "The integration takes on the role of that name."
  }

  assert {
    condition     = output.integration.iam_user_arn == "arn:aws:iam::111122223333:user/abcd0000-s" && output.integration.external_id == "MYORG_SFCRole=2_abc="
    error_message = "Whom the role must trust is what Snowflake says of the integration."
  }

  assert {
    condition = (
      snowflake_storage_integration_aws.this.storage_allowed_locations == toset(["s3://dp-mailblaze-demo-dev-raw-3dfbc1/"]) &&
      snowflake_storage_integration_aws.this.storage_blocked_locations == toset(["s3://dp-mailblaze-demo-dev-raw-3dfbc1/_keys/", "s3://dp-mailblaze-demo-dev-raw-3dfbc1/_log/", "s3://dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/", "s3://dp-mailblaze-demo-dev-raw-3dfbc1/_runs/", "s3://dp-mailblaze-demo-dev-raw-3dfbc1/_ops/", "s3://dp-mailblaze-demo-dev-raw-3dfbc1/_built/"])
    )
    error_message = "Snowflake sees the bucket without log and quarantine."
  }

  assert {
    condition     = snowflake_stage_external_s3.this.url == "s3://dp-mailblaze-demo-dev-raw-3dfbc1/" && snowflake_stage_external_s3.this.storage_integration == "DP_MAILBLAZE_DEMO_DEV_S3_INT"
    error_message = "The stage is the whole bucket, as the log's keys are."
  }

  assert {
    condition     = jsonencode([snowflake_file_format_parquet.this.use_vectorized_scanner, snowflake_file_format_parquet.this.use_logical_type, snowflake_file_format_parquet.this.binary_as_text]) == jsonencode(["true", "true", "false"])
    error_message = "The file format is the loader's."
  }

  assert {
    condition = jsonencode({ for name, warehouse in snowflake_warehouse.this : warehouse.name => [
      warehouse.warehouse_size, warehouse.auto_suspend, warehouse.auto_resume, warehouse.initially_suspended, warehouse.resource_monitor,
      warehouse.statement_timeout_in_seconds, warehouse.statement_queued_timeout_in_seconds, warehouse.generation, warehouse.enable_query_acceleration,
      ] }) == jsonencode({
      DP_MAILBLAZE_DEMO_DEV_LOAD_WH      = ["XSMALL", 60, "true", true, "DP_MAILBLAZE_DEMO_DEV_MONITOR", 3600, 600, "1", null]
      DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH = ["XSMALL", 60, "true", true, "DP_MAILBLAZE_DEMO_DEV_MONITOR", 3600, 600, "1", null]
      DP_MAILBLAZE_DEMO_DEV_BI_WH        = ["XSMALL", 60, "true", true, "DP_MAILBLAZE_DEMO_DEV_MONITOR", 600, 120, "1", null]
    })
    error_message = "Each workload has a small warehouse that goes to sleep, with time limits, under the monitor."
  }

  assert {
    condition     = snowflake_resource_monitor.this.credit_quota == 20 && snowflake_resource_monitor.this.suspend_trigger == 100 && snowflake_resource_monitor.this.suspend_immediate_trigger == 110
    error_message = "The monitor suspends the warehouses."
  }

  assert {
    condition     = length(snowflake_tag.pii) + length(snowflake_masking_policy.pii) + length(snowflake_pipe.this) == 0
    error_message = "Masking and pipes are there only where they are asked for."
  }

  assert {
    condition     = snowflake_grant_privileges_to_account_role.schema["loader/raw"].privileges == toset(["USAGE"])
    error_message = "A loader that makes no tables has no right to."
  }
}

run "everything" {
  command = plan

  variables {
    snowpipe_streams   = ["email_events"]
    enterprise_edition = true
    warehouses         = { load = {}, transform = { generation = "2", query_acceleration = true }, bi = {} }
    masking_policies   = true
    service_ip_ranges  = ["203.0.113.0/24"]
    service_keys = {
      loader = {
        key_1 = "-----BEGIN PUBLIC KEY-----\nMII${join("", [for i in range(6) : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\n"])}AQAB==\n-----END PUBLIC KEY-----\n"
        key_2 = "MII${join("", [for i in range(6) : "0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"])}"
      }
    }
  }

  # All that there is, so that a grant more is seen as well as one less.
  assert {
    condition = jsonencode(sort(concat(
      [for grant in snowflake_grant_privileges_to_account_role.account_object : "${grant.account_role_name}: ${join(",", grant.privileges)} ON ${one(grant.on_account_object).object_type} ${one(grant.on_account_object).object_name}"],
      [for grant in snowflake_grant_privileges_to_account_role.schema : "${grant.account_role_name}: ${join(",", grant.privileges)} ON SCHEMA ${one(grant.on_schema).schema_name}"],
      [for grant in snowflake_grant_privileges_to_account_role.select_all : "${grant.account_role_name}: ${join(",", grant.privileges)} ON ALL ${one(one(grant.on_schema_object).all).object_type_plural} IN ${one(one(grant.on_schema_object).all).in_schema}"],
      [for grant in snowflake_grant_privileges_to_account_role.select_future : "${grant.account_role_name}: ${join(",", grant.privileges)} ON FUTURE ${one(one(grant.on_schema_object).future).object_type_plural} IN ${one(one(grant.on_schema_object).future).in_schema}"],
      [for grant in snowflake_grant_privileges_to_account_role.lake : "${grant.account_role_name}: ${join(",", grant.privileges)} ON ${one(grant.on_schema_object).object_type} ${one(grant.on_schema_object).object_name}"],
      [for grant in snowflake_grant_privileges_to_account_role.integration : "${grant.account_role_name}: ${join(",", grant.privileges)} ON ${one(grant.on_account_object).object_type} ${one(grant.on_account_object).object_name}"],
      ["${snowflake_grant_ownership.raw_tables.account_role_name}: OWNERSHIP ON FUTURE ${one(one(snowflake_grant_ownership.raw_tables.on).future).object_type_plural} IN ${one(one(snowflake_grant_ownership.raw_tables.on).future).in_schema}"],
      ))) == jsonencode(sort([
      "DP_MAILBLAZE_DEMO_DEV_LOADER: USAGE ON DATABASE DP_MAILBLAZE_DEMO_DEV_DB",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: OPERATE,USAGE ON WAREHOUSE DP_MAILBLAZE_DEMO_DEV_LOAD_WH",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: CREATE TABLE,USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: USAGE ON STAGE \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"STG_S3_RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: USAGE ON FILE FORMAT \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"PARQUET_OF_INGEST\"",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: OWNERSHIP ON FUTURE TABLES IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: USAGE ON DATABASE DP_MAILBLAZE_DEMO_DEV_DB",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: OPERATE,USAGE ON WAREHOUSE DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: SELECT ON ALL TABLES IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: SELECT ON FUTURE TABLES IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: CREATE TABLE,CREATE VIEW,USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"STAGING\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: CREATE TABLE,CREATE VIEW,USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"INTERMEDIATE\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: CREATE TABLE,CREATE VIEW,USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: CREATE TABLE,CREATE VIEW,USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"SNAPSHOTS\"",
      "DP_MAILBLAZE_DEMO_DEV_READER: USAGE ON DATABASE DP_MAILBLAZE_DEMO_DEV_DB",
      "DP_MAILBLAZE_DEMO_DEV_READER: USAGE ON WAREHOUSE DP_MAILBLAZE_DEMO_DEV_BI_WH",
      "DP_MAILBLAZE_DEMO_DEV_READER: USAGE ON SCHEMA \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_READER: SELECT ON ALL TABLES IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_READER: SELECT ON ALL VIEWS IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_READER: SELECT ON FUTURE TABLES IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_READER: SELECT ON FUTURE VIEWS IN \"DP_MAILBLAZE_DEMO_DEV_DB\".\"MART\"",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: USAGE ON INTEGRATION DP_MAILBLAZE_DEMO_DEV_S3_INT",
      "SYSADMIN: USAGE ON INTEGRATION DP_MAILBLAZE_DEMO_DEV_S3_INT",
    ]))
    error_message = "Each role has what it needs, and nothing else."
  }

  # The provider's schema takes any word as a privilege; Snowflake would refuse a misspelt one in the middle of an apply.
  assert {
    condition = alltrue([
      for grant in flatten([
        values(snowflake_grant_privileges_to_account_role.account_object), values(snowflake_grant_privileges_to_account_role.schema),
        values(snowflake_grant_privileges_to_account_role.select_all), values(snowflake_grant_privileges_to_account_role.select_future),
        values(snowflake_grant_privileges_to_account_role.lake), values(snowflake_grant_privileges_to_account_role.integration),
      ]) : length(setsubtract(grant.privileges, ["USAGE", "OPERATE", "SELECT", "CREATE TABLE", "CREATE VIEW"])) == 0 && !coalesce(grant.with_grant_option, false) && !coalesce(grant.all_privileges, false)
    ])
    error_message = "Privileges are spelt as Snowflake spells them, and nobody may hand them on."
  }

  assert {
    condition = jsonencode(sort(concat(
      [for grant in snowflake_grant_account_role.to_sysadmin : "${grant.role_name} -> ${grant.parent_role_name}"],
      [for grant in snowflake_grant_account_role.to_user : "${grant.role_name} -> ${grant.user_name}"],
      ))) == jsonencode(sort([
      "DP_MAILBLAZE_DEMO_DEV_LOADER -> SYSADMIN", "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER -> SYSADMIN", "DP_MAILBLAZE_DEMO_DEV_READER -> SYSADMIN",
      "DP_MAILBLAZE_DEMO_DEV_LOADER -> DP_MAILBLAZE_DEMO_DEV_SVC_LOADER",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER -> DP_MAILBLAZE_DEMO_DEV_SVC_DBT", "DP_MAILBLAZE_DEMO_DEV_READER -> DP_MAILBLAZE_DEMO_DEV_SVC_DBT",
      "DP_MAILBLAZE_DEMO_DEV_READER -> DP_MAILBLAZE_DEMO_DEV_SVC_READER",
    ]))
    error_message = "Roles are granted up to SYSADMIN and to the users who work with them."
  }

  assert {
    condition     = alltrue([for table in snowflake_table.raw : jsonencode([for column in table.column : [column.name, column.type, column.nullable]]) == jsonencode([for column in output.raw_tables[table.name].columns : [column.name, column.type, column.nullable]])])
    error_message = "The tables have the columns that the contracts give them."
  }

  assert {
    condition     = snowflake_pipe.this["email_events"].auto_ingest && snowflake_pipe.this["email_events"].copy_statement == "COPY INTO \"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"EMAIL_EVENTS__PIPE\" FROM @\"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"STG_S3_RAW\"/events/email_events/ FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE NULL_IF = ()) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    error_message = "A pipe fills a table of its own from the stream's prefix."
  }

  assert {
    condition = jsonencode([for name in ["load", "transform", "bi"] : [snowflake_warehouse.this[name].generation, snowflake_warehouse.this[name].enable_query_acceleration]]) == jsonencode([
      ["1", "false"], ["2", "true"], ["1", "false"],
    ])
    error_message = "What a new account would choose by itself is named, and turned off where it was not asked for."
  }

  assert {
    condition     = snowflake_service_user.this["loader"].rsa_public_key == "MII${join("", [for i in range(6) : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"])}AQAB=="
    error_message = "A PEM file is taken as it is, without its first and last line."
  }

  assert {
    condition     = startswith(snowflake_service_user.this["loader"].rsa_public_key_2, "MII0123456789+/") && snowflake_service_user.this["dbt"].rsa_public_key == null
    error_message = "The second slot holds the other key."
  }

  assert {
    condition = alltrue([
      for user in snowflake_service_user.this : user.default_secondary_roles_option == "NONE" && user.network_policy == "DP_MAILBLAZE_DEMO_DEV_SERVICES"
    ]) && snowflake_service_user.this["dbt"].default_role == "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER"
    error_message = "A session has one role's privileges, and logs in from the named ranges."
  }

  assert {
    condition = alltrue([
      for user in snowflake_service_user.this : user.timezone == "UTC" && user.timestamp_type_mapping == "TIMESTAMP_NTZ" && user.timestamp_input_format == "AUTO"
    ])
    error_message = "Times mean the same in every account."
  }

  assert {
    condition = snowflake_tag_association.pii[0].object_identifiers == toset([
      "\"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"CUSTOMERS\".\"EMAIL\"",
      "\"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"CUSTOMERS\".\"FULL_NAME\"",
      "\"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"EMAIL_EVENTS\".\"PAYLOAD\"",
    ])
    error_message = "Every column that a contract classifies as pii carries the tag."
  }

  assert {
    condition     = snowflake_tag.pii[0].masking_policies == toset(["\"DP_MAILBLAZE_DEMO_DEV_DB\".\"RAW\".\"MASK_PII_VARCHAR\""])
    error_message = "The tag carries the policy."
  }

  assert {
    condition     = snowflake_masking_policy.pii["VARCHAR"].body == "CASE WHEN CURRENT_ROLE() IN ('DP_MAILBLAZE_DEMO_DEV_LOADER', 'DP_MAILBLAZE_DEMO_DEV_TRANSFORMER') THEN VAL ELSE '********' END"
    error_message = "The loader and the transformer see it, as their session's own role."
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    name_prefix       = "dp-mailblaze"
    schemas           = { mart = "RAW" }
    stage_name        = "stg raw"
    retention_days    = 91
    storage_role_arn  = "dp-mailblaze-demo-dev-snowflake-storage"
    warehouses        = { load = { size = "XSMAL", generation = "3" }, transform = { auto_suspend_seconds = 0, query_acceleration = true } }
    masking_policies  = true
    monthly_credits   = 0
    service_keys      = { dbt = { key_1 = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----" } }
    service_ip_ranges = ["0.0.0.0/0", "office"]
    snowpipe_streams  = ["Email Events"]
    load_warehouse    = "bi"
  }

  expect_failures = [
    var.name_prefix, var.schemas, var.stage_name, var.retention_days, var.storage_role_arn, var.warehouses, var.monthly_credits,
    var.service_keys, var.service_ip_ranges, var.snowpipe_streams, var.masking_policies, var.load_warehouse,
  ]
}

run "loads_share_the_warehouse_of_transformations" {
  command = plan

  variables {
    load_warehouse = "transform"
  }

  assert {
    condition = jsonencode(sort([
      for grant in snowflake_grant_privileges_to_account_role.account_object : "${grant.account_role_name}: ${join(",", grant.privileges)} ON ${one(grant.on_account_object).object_name}"
      if one(grant.on_account_object).object_type == "WAREHOUSE"
      ])) == jsonencode(sort([
      "DP_MAILBLAZE_DEMO_DEV_LOADER: OPERATE,USAGE ON DP_MAILBLAZE_DEMO_DEV_LOAD_WH",
      "DP_MAILBLAZE_DEMO_DEV_LOADER: OPERATE,USAGE ON DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH",
      "DP_MAILBLAZE_DEMO_DEV_TRANSFORMER: OPERATE,USAGE ON DP_MAILBLAZE_DEMO_DEV_TRANSFORM_WH",
      "DP_MAILBLAZE_DEMO_DEV_READER: USAGE ON DP_MAILBLAZE_DEMO_DEV_BI_WH",
    ]))
    error_message = "The loader may use the warehouse of transformations, beside its own."
  }
}

run "china_has_a_cloud_of_its_own" {
  command = plan

  variables {
    storage_role_arn = "arn:aws-cn:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
  }

  assert {
    condition = jsonencode([
      snowflake_storage_integration_aws.this.storage_provider, sort(snowflake_storage_integration_aws.this.storage_allowed_locations),
      snowflake_stage_external_s3.this.url,
      ]) == jsonencode([
      "S3CHINA", ["s3china://dp-mailblaze-demo-dev-raw-3dfbc1/"], "s3china://dp-mailblaze-demo-dev-raw-3dfbc1/",
    ])
    error_message = "Integration and stage are of the partition of the role."
  }
}

run "so_has_the_government" {
  command = plan

  variables {
    storage_role_arn = "arn:aws-us-gov:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
  }

  assert {
    condition = alltrue([
      snowflake_storage_integration_aws.this.storage_provider == "S3GOV",
      alltrue([for location in snowflake_storage_integration_aws.this.storage_blocked_locations : startswith(location, "s3gov://")]),
      snowflake_stage_external_s3.this.url == "s3gov://dp-mailblaze-demo-dev-raw-3dfbc1/",
    ])
    error_message = "Integration and stage are of the partition of the role."
  }
}

run "a_pipe_needs_a_contract" {
  command = plan

  variables {
    snowpipe_streams = ["nobody"]
  }

  expect_failures = [snowflake_table.pipe]
}
