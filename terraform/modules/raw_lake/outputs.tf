output "bucket" {
  description = "Name of the raw bucket."
  value       = aws_s3_bucket.raw.bucket
}

output "bucket_arn" {
  description = "ARN of the raw bucket."
  value       = aws_s3_bucket.raw.arn
}

output "policy_arns" {
  description = "ARNs of the policies ingest-writer, orphan-collector and loader-reader, by these names."
  value       = { for name, policy in aws_iam_policy.pipeline : name => policy.arn }
}

output "role_arns" {
  description = "ARNs of the roles that there are: ingest, loader, snowflake, github."
  value = merge(
    { for name, role in aws_iam_role.pipeline : name => role.arn },
    local.has_snowflake ? { snowflake = aws_iam_role.snowflake[0].arn } : {},
    local.has_github ? { github = aws_iam_role.github[0].arn } : {},
  )
}

output "kms_key_arn" {
  description = "ARN of the bucket's key; null where it is S3's own."
  value       = one(aws_kms_key.raw[*].arn)
}

output "snowflake_role_ready" {
  description = "Known once the role for Snowflake is there with its policy; null without that role."
  value       = one(aws_iam_role_policy.snowflake[*].id)
}

output "snowflake_trust" {
  description = "Whom the role for Snowflake trusts, as JSON; null without that role."
  value       = one(aws_iam_role.snowflake[*].assume_role_policy)
}
