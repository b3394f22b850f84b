output "state_bucket" {
  description = "The bucket; it stands in environments/*.s3.tfbackend."
  value       = aws_s3_bucket.state.bucket
}
