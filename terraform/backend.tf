# bucket, key and region come from environments/<environment>.s3.tfbackend; terraform/bootstrap makes the bucket.
# The lock is an object beside the state, written if absent: no table is needed.
terraform {
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
