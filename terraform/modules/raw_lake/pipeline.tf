# What ingest and the loader may do. The policies can be attached to identities of any kind; the roles are for those
# that var.pipeline_principals names. Nothing here makes an access key: it would lie in the state.
#
# s3:ListBucket has no condition on the prefix for these two, who read the log: a GET asks S3 for a key that may not be
# there yet, and S3 says 404 only to those who may list; a request for one object has no prefix, so a condition on it
# would make that 403. Names of keys hold no data.

locals {
  see_which_keys_exist = { Sid = "SeeWhichKeysExist", Effect = "Allow", Action = ["s3:ListBucket"], Resource = local.bucket_arn }

  policies = {
    ingest-writer = {
      description = "Land batches in the raw lake, delete nothing"
      statements = concat([
        local.see_which_keys_exist,
        { Sid = "Write", Effect = "Allow", Action = ["s3:PutObject"], Resource = concat(local.data_arns, [local.log_arn, local.quarantine_arn, local.keys_arn, local.handoffs_arn]) },
        { Sid = "ReadLogQuarantineAndKeys", Effect = "Allow", Action = ["s3:GetObject"], Resource = concat([local.log_arn, local.quarantine_arn, local.keys_arn], var.ingest_reads_data ? local.data_arns : []) },
      ], local.encrypt)
    }

    # Beside ingest-writer, for whoever runs `ingest gc`; nobody has it by default.
    orphan-collector = {
      description = "Delete files that no commit names, and hand-offs"
      statements = [
        { Sid = "DeleteOrphans", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = concat(local.data_arns, [local.quarantine_arn, local.keys_arn, local.handoffs_arn]) },
      ]
    }

    loader-reader = {
      description = "Read the log of the raw lake, hand-offs and quarantine; keep the records of runs"
      statements = concat([
        local.see_which_keys_exist,
        # Quarantine is counted by reason. What is in it is no more personal than what the loader sees in RAW.
        { Sid = "ReadLogHandoffsAndQuarantine", Effect = "Allow", Action = ["s3:GetObject"], Resource = concat([local.log_arn, local.handoffs_arn, local.quarantine_arn], var.loader_reads_data ? local.data_arns : []) },
        # A run leaves its record there, and removes it once the warehouse has it.
        { Sid = "KeepRecordsOfRuns", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = [local.records_arn] },
        # What a warehouse's marts were built from: written over the older one.
        { Sid = "NoteWhatWasBuilt", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = [local.built_arn] },
      ], local.encrypt)
    }
  }

  roles     = { ingest = "ingest-writer", loader = "loader-reader" }
  has_roles = length(var.pipeline_principals.arns) + length(var.pipeline_principals.services) > 0
}

resource "aws_iam_policy" "pipeline" {
  for_each = local.policies

  name        = "${var.name_prefix}-${each.key}"
  description = each.value.description
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_iam_role" "pipeline" {
  for_each = local.has_roles ? local.roles : {}

  name                 = "${var.name_prefix}-${each.key}"
  description          = "Taken on by ${each.key}"
  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for kind, names in { AWS = var.pipeline_principals.arns, Service = var.pipeline_principals.services } : {
        Sid                    = "Named${kind}"
        Effect                 = "Allow"
        Principal              = { (kind) = names }
        Action                 = "sts:AssumeRole"
      } if length(names) > 0
    ]
  })
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = aws_iam_role.pipeline

  role       = each.value.name
  policy_arn = aws_iam_policy.pipeline[local.roles[each.key]].arn
}
