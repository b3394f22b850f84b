# An optional key of one's own for the bucket.

resource "aws_kms_key" "raw" {
  count = var.kms_enabled ? 1 : 0

  description             = "The raw lake ${var.bucket_name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  # A key's policy names the account, so that the account's IAM policies decide; "*" is this key.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheAccountsPoliciesDecide"
      Effect    = "Allow"
      Principal = { AWS = "${local.iam_arn}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "raw" {
  count = var.kms_enabled ? 1 : 0

  name          = "alias/${var.name_prefix}-raw"
  target_key_id = aws_kms_key.raw[0].key_id
}

locals {
  # What those need beside S3's permissions who write, and who only read.
  encrypt = [for key in aws_kms_key.raw : { Sid = "Encrypt", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = key.arn }]
  decrypt = [for key in aws_kms_key.raw : { Sid = "Decrypt", Effect = "Allow", Action = ["kms:Decrypt"], Resource = key.arn }]
}
