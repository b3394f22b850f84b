# The most that any role of the pipeline or of Snowflake can do, whatever its policies come to say: objects of this bucket,
# and its key.

resource "aws_iam_policy" "boundary" {
  name        = "${var.name_prefix}-boundary"
  description = "The most that a role of this platform can do"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ObjectsOfThisLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"]
        Resource = "${local.bucket_arn}/*"
      },
      {
        Sid      = "ThisBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = local.bucket_arn
      },
    ], local.encrypt)
  })
}
