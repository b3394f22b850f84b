# RAW's tables, from the contracts: the same that orchestration/warehouse/ddl.py makes of them (tests compare both).
# No provider, so that they can be computed alone.

locals {
  contracts = [
    for file in fileset(var.contracts_dir, "*.odcs.yaml") : yamldecode(file("${var.contracts_dir}/${file}"))
  ]

  streams = {
    for contract in local.contracts : contract.schema[0].name => {
      version    = contract.version
      prefix     = one([for item in contract.schema[0].customProperties : item.value if item.property == "prefix"])
      lands_keys = contains([for item in contract.schema[0].customProperties : "${item.property}=${item.value}"], "deletes=keys")
      columns = [
        for property in contract.schema[0].properties : {
          name         = upper(property.name)
          type         = trimspace(property.physicalType)
          lands_text   = contains([for item in try(property.customProperties, []) : item.property], "landAs")
          key_position = try(property.primaryKey, false) ? try(property.primaryKeyPosition, 1) : null
          pii          = try(property.classification, "") == "pii"
        }
      ]
    }
  }

  # A Postgres type name taken apart, as ingest/contracts/types.py does: "numeric(12,2)[]" is a head, arguments, an array.
  parsed = {
    for stream, contract in local.streams : stream => [
      for column in contract.columns : merge(column, {
        is_array = can(regex("\\[\\d*\\]$", column.type))
        parts    = try(regex("^([^(]+)(?:\\(([^)]*)\\)(.*))?$", column.type), [column.type, null, null])
      })
    ]
  }
  named = {
    for stream, columns in local.parsed : stream => [
      for column in columns : merge(column, {
        type_name = join(" ", regexall("\\S+", lower(join(" ", [for part in [column.parts[0], column.parts[2]] : part if part != null]))))
        arguments = column.parts[1] == null ? [] : [for argument in split(",", column.parts[1]) : trimspace(argument)]
      })
    ]
  }

  integer    = "NUMBER(38,0)"
  text       = "VARCHAR(16777216)"
  timestamp  = { naive = "TIMESTAMP_NTZ(9)", zoned = "TIMESTAMP_TZ(9)" }
  max_digits = 38

  native = {
    "boolean"          = "BOOLEAN", "bool" = "BOOLEAN",
    "smallint"         = local.integer, "int2" = local.integer,
    "integer"          = local.integer, "int" = local.integer, "int4" = local.integer,
    "bigint"           = local.integer, "int8" = local.integer,
    "real"             = "FLOAT", "float4" = "FLOAT",
    "double precision" = "FLOAT", "float8" = "FLOAT",
    "date"             = "DATE",
    "timestamp"        = local.timestamp.naive, "timestamp without time zone" = local.timestamp.naive,
    "timestamptz"      = local.timestamp.zoned, "timestamp with time zone" = local.timestamp.zoned,
    "bytea"            = "BINARY(8388608)",
  }

  # What is neither native nor a bounded numeric lands as text. Which types there are is the affair of
  # `ingest contract check`: a type that it refuses never lands.
  numbered = {
    for stream, columns in local.named : stream => [
      for column in columns : merge(column, {
        precision = contains(["numeric", "decimal"], column.type_name) ? try(tonumber(column.arguments[0]), 0) : 0
        scale     = try(tonumber(column.arguments[1]), 0)
      })
    ]
  }
  typed = {
    for stream, columns in local.numbered : stream => [
      for column in columns : {
        name         = column.name
        key_position = column.key_position
        pii          = column.pii
        nullable     = true
        type = (
          column.lands_text || column.is_array ? local.text :
          column.precision >= 1 && column.precision <= local.max_digits && column.scale >= 0 && column.scale <= column.precision ? "NUMBER(${column.precision},${column.scale})" :
          lookup(local.native, column.type_name, local.text)
        )
      }
    ]
  }

  # What ingest adds to every file.
  meta = [
    { name = "_BATCH_ID", type = local.text, nullable = false, pii = false },
    { name = "_LOG_VERSION", type = local.integer, nullable = false, pii = false },
    { name = "_ROW_NUMBER", type = local.integer, nullable = false, pii = false },
    { name = "_EXTRACTED_AT", type = local.timestamp.zoned, nullable = false, pii = false },
  ]

  data_tables = {
    for stream, columns in local.typed : upper(stream) => {
      comment = "Every landed version of every row of ${stream}."
      columns = concat([for column in columns : { name = column.name, type = column.type, nullable = true, pii = column.pii }], local.meta)
    }
  }
  deletes_tables = {
    for stream, columns in local.typed : "${upper(stream)}__DELETES" => {
      comment = "The keys of ${stream} that were found to have left the source, as of a version."
      columns = concat([
        for place in sort([for index, column in columns : format("%05d/%05d", column.key_position, index) if column.key_position != null]) : {
          name     = columns[tonumber(split("/", place)[1])].name
          type     = columns[tonumber(split("/", place)[1])].type
          nullable = true
          pii      = columns[tonumber(split("/", place)[1])].pii
        }
      ], local.meta)
    } if local.streams[stream].lands_keys
  }

  # A table for each stream: Snowflake locks a table as a whole for an UPDATE.
  claim_tables = {
    for stream in keys(local.streams) : "_CLAIM_${upper(stream)}" => {
      comment = "Which run loads ${stream}."
      columns = [
        { name = "RUN_ID", type = local.text, nullable = true, pii = false },
        { name = "SINCE", type = local.timestamp.zoned, nullable = true, pii = false },
      ]
    }
  }

  ledger = {
    _LOADS = {
      comment = "One row for each version of each stream that was loaded."
      columns = [
        { name = "STREAM", type = local.text, nullable = false, pii = false },
        { name = "VERSION", type = local.integer, nullable = false, pii = false },
        { name = "KIND", type = local.text, nullable = false, pii = false },
        { name = "ROWS", type = local.integer, nullable = false, pii = false },
        { name = "QUARANTINED", type = local.integer, nullable = false, pii = false },
        { name = "FILES", type = local.integer, nullable = false, pii = false },
        { name = "BYTES", type = local.integer, nullable = false, pii = false },
        { name = "BATCH_ID", type = local.text, nullable = false, pii = false },
        { name = "RUN_ID", type = local.text, nullable = false, pii = false },
        { name = "CONTRACT_VERSION", type = local.text, nullable = false, pii = false },
        { name = "COMMITTED_AT", type = local.timestamp.zoned, nullable = false, pii = false },
        { name = "LOADED_AT", type = local.timestamp.zoned, nullable = false, pii = false },
      ]
    }
    _LOCKS = {
      comment = "Who writes the warehouse."
      columns = [
        { name = "NAME", type = local.text, nullable = false, pii = false },
        { name = "RUN_ID", type = local.text, nullable = true, pii = false },
        { name = "PID", type = local.integer, nullable = true, pii = false },
        { name = "HOST", type = local.text, nullable = true, pii = false },
        { name = "SINCE", type = local.timestamp.zoned, nullable = true, pii = false },
        { name = "EXPIRES_AT", type = local.timestamp.zoned, nullable = true, pii = false },
      ]
    }
  }
}
