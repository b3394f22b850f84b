# The role that Snowflake's storage integration takes on: data files and nothing else, read only.

locals {
  has_snowflake = var.snowflake != null
}

resource "aws_iam_role" "snowflake" {
  count = local.has_snowflake ? 1 : 0

  name                 = var.snowflake.role_name
  description          = "Taken on by Snowflake's storage integration to read the raw lake"
  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "SnowflakesUserWithOurExternalId"
      Effect    = "Allow"
      Principal = { AWS = var.snowflake.iam_user_arn }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = var.snowflake.external_id } }
    }]
  })
}

resource "aws_iam_role_policy" "snowflake" {
  count = local.has_snowflake ? 1 : 0

  name = "read-data"
  role = aws_iam_role.snowflake[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ReadData"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = local.data_arns
      },
      # So `list @STAGE` without a path is always denied: a list names the prefix that it is of.
      {
        Sid       = "ListData"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = local.bucket_arn
        Condition = { StringLike = { "s3:prefix" = [for prefix in local.data_prefixes : "${prefix}/*"] } }
      },
      # A request for the bucket's region has no prefix, and so no condition.
      {
        Sid      = "FindTheBucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = local.bucket_arn
      },
    ], local.decrypt)
  })
}

# New data files, told to the queue that all pipes of a Snowflake account share.
resource "aws_s3_bucket_notification" "snowpipe" {
  count = var.snowpipe.enabled ? 1 : 0

  bucket = aws_s3_bucket.raw.id

  dynamic "queue" {
    for_each = local.data_prefixes

    content {
      id            = "snowpipe-${queue.value}"
      queue_arn     = var.snowpipe.queue_arn
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = "${queue.value}/"
      filter_suffix = ".parquet"
    }
  }
}
