# The raw lake: one bucket, whose prefixes are part of the data contract.

data "aws_partition" "current" {}

locals {
  # ingest/lake/layout.py makes every key of the lake under one of these.
  data_prefixes = ["events", "inventory"]
  log           = "_log"
  quarantine    = "_quarantine"
  keys          = "_keys"
  handoffs      = "_runs"
  run_records   = "_ops"
  built         = "_built"

  partition  = data.aws_partition.current.partition
  bucket_arn = "arn:${local.partition}:s3:::${var.bucket_name}"
  iam_arn    = "arn:${local.partition}:iam::${var.account_id}"
  data_arns  = [for prefix in local.data_prefixes : "${local.bucket_arn}/${prefix}/*"]

  # Twenty digits, of which the first is 0 in every version that will ever be.
  commits_arn    = "${local.bucket_arn}/${local.log}/*/0${join("", [for place in range(19) : "?"])}.json"
  log_arn        = "${local.bucket_arn}/${local.log}/*"
  quarantine_arn = "${local.bucket_arn}/${local.quarantine}/*"
  keys_arn       = "${local.bucket_arn}/${local.keys}/*"
  handoffs_arn   = "${local.bucket_arn}/${local.handoffs}/*"
  records_arn    = "${local.bucket_arn}/${local.run_records}/*"
  built_arn      = "${local.bucket_arn}/${local.built}/*"
}

resource "aws_s3_bucket" "raw" {
  #checkov:skip=CKV_AWS_18: access logs need a second bucket and an owner who reads them; CloudTrail data events, where wanted, are the account's affair
  #checkov:skip=CKV_AWS_144: a second region is a decision about cost and law; the lake can be landed again from its sources
  #checkov:skip=CKV_AWS_145: S3's own encryption by default; var.kms_enabled gives a key of one's own
  #checkov:skip=CKV2_AWS_62: nobody listens by default, the loader asks the log; var.snowpipe sends notifications
  bucket        = var.bucket_name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "raw" {
  bucket                  = aws_s3_bucket.raw.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "raw" {
  bucket = aws_s3_bucket.raw.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "raw" {
  bucket = aws_s3_bucket.raw.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "raw" {
  bucket = aws_s3_bucket.raw.id

  rule {
    bucket_key_enabled = var.kms_enabled

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_enabled ? "aws:kms" : "AES256"
      kms_master_key_id = one(aws_kms_key.raw[*].arn)
    }
  }
}

resource "aws_s3_bucket_policy" "raw" {
  bucket = aws_s3_bucket.raw.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      for sid, condition in {
        OnlyByTls   = { Bool = { "aws:SecureTransport" = "false" } }
        OnlyByTls12 = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
        } : {
        Sid       = sid
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
        Condition = condition
      }
      ],
      # A commit is put once. A write without If-None-Match, a copy and an upload in parts would be put over one:
      # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html. The hints beside the commits
      # begin with _ and are put over each other.
      [{
        Sid       = "NoCommitIsOverwritten"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = local.commits_arn
        Condition = { Null = { "s3:if-none-match" = "true" } }
      }]
    )
  })

  # S3 answers 409 to two changes of a bucket's access settings at once.
  depends_on = [aws_s3_bucket_public_access_block.raw]
}
