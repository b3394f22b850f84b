# Plans with the real AWS provider; nothing is asked of AWS. Every policy is compared whole.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  name_prefix = "dp-mailblaze-demo-dev"
  bucket_name = "dp-mailblaze-demo-dev-raw-3dfbc1"
  account_id  = "443414059898"
  snowflake = {
    role_name    = "dp-mailblaze-demo-dev-snowflake-storage"
    iam_user_arn = "arn:aws:iam::111122223333:user/abcd0000-s"
    external_id  = "MYORG_SFCRole=2_abc="
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = aws_s3_bucket.raw.bucket == "dp-mailblaze-demo-dev-raw-3dfbc1" && !aws_s3_bucket.raw.force_destroy
    error_message = "The bucket has the documents' name and keeps its data."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.raw.block_public_acls, aws_s3_bucket_public_access_block.raw.block_public_policy,
      aws_s3_bucket_public_access_block.raw.ignore_public_acls, aws_s3_bucket_public_access_block.raw.restrict_public_buckets,
    ])
    error_message = "Nothing of the bucket can be public."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.raw.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "The bucket's owner owns every object."
  }

  assert {
    condition     = aws_s3_bucket_versioning.raw.versioning_configuration[0].status == "Enabled"
    error_message = "Old versions are kept."
  }

  assert {
    condition     = one([for rule in aws_s3_bucket_server_side_encryption_configuration.raw.rule : one(rule.apply_server_side_encryption_by_default).sse_algorithm]) == "AES256"
    error_message = "Objects are encrypted with S3's key."
  }

  assert {
    condition = jsonencode(jsondecode(aws_s3_bucket_policy.raw.policy).Statement) == jsonencode([
      {
        Sid       = "OnlyByTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyByTls12"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
      {
        Sid       = "NoCommitIsOverwritten"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_log/*/0???????????????????.json"
        Condition = { Null = { "s3:if-none-match" = "true" } }
      },
    ])
    error_message = "The bucket is reached by TLS 1.2 and above alone, and no commit is overwritten by anybody."
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.raw.rule : {
      id         = rule.id
      prefix     = try(rule.filter[0].prefix, null)
      noncurrent = try(rule.noncurrent_version_expiration[0].noncurrent_days, null)
      expires    = try(rule.expiration[0].days > 0 ? rule.expiration[0].days : null, null)
      marker     = try(rule.expiration[0].expired_object_delete_marker, false)
      aborts     = try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, null)
      moves      = try([for move in rule.transition : "${move.days} ${move.storage_class}"], null)
      }]) == jsonencode([
      { id = "noncurrent-versions-and-removed-orphans", prefix = "", noncurrent = 30, expires = null, marker = true, aborts = null, moves = [] },
      { id = "broken-off-uploads", prefix = "", noncurrent = null, expires = null, marker = false, aborts = 3, moves = [] },
      { id = "quarantine", prefix = "_quarantine/", noncurrent = null, expires = 180, marker = false, aborts = null, moves = [] },
      { id = "hand-offs", prefix = "_runs/", noncurrent = null, expires = 7, marker = false, aborts = null, moves = [] },
      { id = "probes-in-events", prefix = "events/__doctor/", noncurrent = null, expires = 1, marker = false, aborts = null, moves = [] },
      { id = "probes-in-inventory", prefix = "inventory/__doctor/", noncurrent = null, expires = 1, marker = false, aborts = null, moves = [] },
      { id = "older-events", prefix = "events/", noncurrent = null, expires = null, marker = false, aborts = null, moves = ["90 STANDARD_IA"] },
      { id = "older-inventory", prefix = "inventory/", noncurrent = null, expires = null, marker = false, aborts = null, moves = ["90 STANDARD_IA"] },
    ])
    error_message = "Lifecycle: neither data nor log ever expires, but what a doctor has tried."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_policy.pipeline["ingest-writer"].policy).Statement) == jsonencode([
      {
        Sid      = "SeeWhichKeysExist"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1"
      },
      {
        Sid    = "Write"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/events/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/inventory/*",
          "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_log/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_keys/*",
          "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_runs/*",
        ]
      },
      {
        Sid      = "ReadLogQuarantineAndKeys"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_log/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_keys/*"]
      },
    ])
    error_message = "Ingest writes under the lake's six prefixes, reads log, quarantine and sets of keys, deletes nothing."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_policy.pipeline["orphan-collector"].policy).Statement) == jsonencode([{
      Sid    = "DeleteOrphans"
      Effect = "Allow"
      Action = ["s3:DeleteObject"]
      Resource = [
        "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/events/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/inventory/*",
        "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_keys/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_runs/*",
      ]
    }])
    error_message = "The collector deletes files, never the log and never old versions."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_policy.pipeline["loader-reader"].policy).Statement) == jsonencode([
      { Sid = "SeeWhichKeysExist", Effect = "Allow", Action = ["s3:ListBucket"], Resource = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1" },
      { Sid = "ReadLogHandoffsAndQuarantine", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_log/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_runs/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/*"] },
      { Sid = "KeepRecordsOfRuns", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_ops/*"] },
      { Sid = "NoteWhatWasBuilt", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_built/*"] },
    ])
    error_message = "The loader reads the log, hand-offs and quarantine, and keeps the records of runs."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role.snowflake[0].assume_role_policy).Statement) == jsonencode([{
      Sid       = "SnowflakesUserWithOurExternalId"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:user/abcd0000-s" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = "MYORG_SFCRole=2_abc=" } }
    }])
    error_message = "Only Snowflake's user with the external id takes on the role."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.snowflake[0].policy).Statement) == jsonencode([
      {
        Sid      = "ReadData"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = ["arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/events/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/inventory/*"]
      },
      {
        Sid       = "ListData"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1"
        Condition = { StringLike = { "s3:prefix" = ["events/*", "inventory/*"] } }
      },
      { Sid = "FindTheBucket", Effect = "Allow", Action = ["s3:GetBucketLocation"], Resource = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1" },
    ])
    error_message = "Snowflake reads data files, lists under their prefixes, and nothing else."
  }

  assert {
    condition     = aws_iam_role.snowflake[0].name == "dp-mailblaze-demo-dev-snowflake-storage"
    error_message = "The role has the documents' name."
  }

  assert {
    condition = length(concat(
      keys(aws_iam_role.pipeline), aws_kms_key.raw[*].description, aws_s3_bucket_notification.snowpipe[*].bucket, aws_iam_role.github[*].name,
    )) == 0
    error_message = "Without being asked for, there is no key, no queue, no role of the pipeline or of GitHub."
  }
}

run "everything" {
  command = plan

  variables {
    kms_enabled         = true
    loader_reads_data   = true
    pipeline_principals = { arns = ["arn:aws:iam::443414059898:root"], services = ["ecs-tasks.amazonaws.com"] }
    snowpipe            = { enabled = true, queue_arn = "arn:aws:sqs:eu-central-1:111122223333:sf-snowpipe-abc" }
    github = {
      repository   = "owner/name"
      environment  = "prod"
      state_bucket = "states"
      state_key    = "prod/terraform.tfstate"
    }
  }

  override_resource {
    target          = aws_kms_key.raw
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-central-1:443414059898:key/raw" }
  }

  override_resource {
    target          = aws_iam_policy.boundary
    override_during = plan
    values          = { arn = "arn:aws:iam::443414059898:policy/dp-mailblaze-demo-dev-boundary" }
  }

  override_resource {
    target          = aws_iam_openid_connect_provider.github
    override_during = plan
    values          = { arn = "arn:aws:iam::443414059898:oidc-provider/token.actions.githubusercontent.com" }
  }

  assert {
    condition     = aws_kms_key.raw[0].enable_key_rotation
    error_message = "The key is rotated."
  }

  assert {
    condition = jsonencode({ for name, text in {
      writer    = aws_iam_policy.pipeline["ingest-writer"].policy
      loader    = aws_iam_policy.pipeline["loader-reader"].policy
      snowflake = aws_iam_role_policy.snowflake[0].policy
      boundary  = aws_iam_policy.boundary.policy
      } : name => [for statement in jsondecode(text).Statement : statement.Action if can(regex(":kms:", jsonencode(statement.Resource)))] }) == jsonencode({
      writer    = [["kms:Decrypt", "kms:GenerateDataKey"]]
      loader    = [["kms:Decrypt", "kms:GenerateDataKey"]]
      snowflake = [["kms:Decrypt"]]
      boundary  = [["kms:Decrypt", "kms:GenerateDataKey"]]
    })
    error_message = "Writers encrypt (and decrypt the log), readers decrypt."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_policy.pipeline["loader-reader"].policy).Statement : statement.Resource if statement.Sid == "ReadLogHandoffsAndQuarantine"]) == jsonencode([[
      "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_log/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_runs/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/_quarantine/*",
      "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/events/*", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/inventory/*",
    ]])
    error_message = "A loader that downloads data may read it."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : { does = statement.Action, to = statement.Resource }]) == jsonencode([
      { does = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"], to = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/*" },
      { does = ["s3:ListBucket", "s3:GetBucketLocation"], to = "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1" },
      { does = ["kms:Decrypt", "kms:GenerateDataKey"], to = "arn:aws:kms:eu-central-1:443414059898:key/raw" },
    ])
    error_message = "No role of the platform can reach beyond this bucket and its key."
  }

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.pipeline), aws_iam_role.snowflake[*]) : role.permissions_boundary == aws_iam_policy.boundary.arn
    ])
    error_message = "Every role that works is within the boundary."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_iam_role.pipeline["ingest"].assume_role_policy).Statement[*].Principal) == jsonencode([{ AWS = ["arn:aws:iam::443414059898:root"] }, { Service = ["ecs-tasks.amazonaws.com"] }])
    error_message = "The pipeline's roles are taken on by those who are named."
  }

  assert {
    condition = jsonencode([for queue in aws_s3_bucket_notification.snowpipe[0].queue : "${queue.filter_prefix}*${queue.filter_suffix} ${join(",", queue.events)} ${queue.queue_arn}"]) == jsonencode([
      "events/*.parquet s3:ObjectCreated:* arn:aws:sqs:eu-central-1:111122223333:sf-snowpipe-abc",
      "inventory/*.parquet s3:ObjectCreated:* arn:aws:sqs:eu-central-1:111122223333:sf-snowpipe-abc",
    ])
    error_message = "Snowpipe hears of data files alone."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role.github[0].assume_role_policy).Statement) == jsonencode([{
      Sid       = "JobsOfOneEnvironment"
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::443414059898:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:owner/name:environment:prod"
      } }
    }])
    error_message = "Jobs of one environment of one repository deploy."
  }

  # Each action is tried against this policy in tests/terraform/deployment.py.
  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.github[0].policy).Statement : [statement.Sid, statement.Resource] if statement.Effect == "Deny"]) == jsonencode([
      ["NothingElse", "*"],
      ["NoObjectOfTheLake", "arn:aws:s3:::dp-mailblaze-demo-dev-raw-3dfbc1/*"],
    ])
    error_message = "A deployment may do what its policy lists, whatever others grant, and sees no object of the lake."
  }
}

run "a_newer_repository_is_known_by_its_ids" {
  command = plan

  variables {
    github = {
      repository    = "owner/name"
      owner_id      = "123456"
      repository_id = "456789"
      environment   = "prod"
      state_bucket  = "states"
      state_key     = "prod/terraform.tfstate"
    }
  }

  override_resource {
    target          = aws_iam_openid_connect_provider.github
    override_during = plan
    values          = { arn = "arn:aws:iam::443414059898:oidc-provider/token.actions.githubusercontent.com" }
  }

  assert {
    condition     = jsondecode(aws_iam_role.github[0].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:owner@123456/name@456789:environment:prod"
    error_message = "The subject has the ids, and a repository that takes over the name is not trusted."
  }
}

run "half_an_identity_is_refused" {
  command = plan

  variables {
    github = { repository = "owner/name", owner_id = "123456", environment = "prod", state_bucket = "states", state_key = "key" }
  }

  expect_failures = [var.github]
}

run "an_id_in_the_name_is_refused" {
  command = plan

  variables {
    github = { repository = "owner@1/name@2", environment = "prod", state_bucket = "states", state_key = "key" }
  }

  expect_failures = [var.github]
}

run "bad_names_are_refused" {
  command = plan

  variables {
    name_prefix         = "DP_Mailblaze"
    bucket_name         = "raw.lake"
    account_id          = "4434-1405-9898"
    lifecycle_days      = { infrequent_access = 7 }
    pipeline_principals = { arns = ["*"], services = ["ecs-tasks"] }
    snowflake           = { role_name = "a role", iam_user_arn = "arn:aws:iam::111122223333:user/x", external_id = "x" }
    github              = { repository = "owner/*", environment = "prod", state_bucket = "states", state_key = "key" }
  }

  expect_failures = [
    var.name_prefix, var.bucket_name, var.account_id, var.lifecycle_days, var.pipeline_principals, var.snowflake, var.github,
  ]
}
