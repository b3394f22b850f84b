# What becomes of objects. The log never expires: it is the state. Data never expires either, it becomes cheaper.
# An orphan looks like data, only the log tells them apart: `ingest gc` deletes it, and then it is noncurrent.

resource "aws_s3_bucket_lifecycle_configuration" "raw" {
  #checkov:skip=CKV_AWS_300: broken-off-uploads aborts them everywhere, which is not seen beside dynamic rules
  bucket = aws_s3_bucket.raw.id

  # Rules of lifecycle for noncurrent versions mean something only where versions are kept.
  depends_on = [aws_s3_bucket_versioning.raw]

  rule {
    id     = "noncurrent-versions-and-removed-orphans"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.lifecycle_days.noncurrent
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "broken-off-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.lifecycle_days.broken_uploads
    }
  }

  rule {
    id     = "quarantine"
    status = "Enabled"

    filter {
      prefix = "${local.quarantine}/"
    }

    expiration {
      days = var.lifecycle_days.quarantine
    }
  }

  # What a worker tells the run that asked for a stream; read within seconds.
  rule {
    id     = "hand-offs"
    status = "Enabled"

    filter {
      prefix = "${local.handoffs}/"
    }

    expiration {
      days = 7
    }
  }

  # What a doctor tries in a stream's place, and may not delete.
  dynamic "rule" {
    for_each = local.data_prefixes

    content {
      id     = "probes-in-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "${rule.value}/__doctor/"
      }

      expiration {
        days = 1
      }
    }
  }

  rule {
    id     = "older-events"
    status = "Enabled"

    filter {
      prefix = "events/"
    }

    transition {
      days          = var.lifecycle_days.infrequent_access
      storage_class = "STANDARD_IA"
    }
  }

  rule {
    id     = "older-inventory"
    status = "Enabled"

    filter {
      prefix = "inventory/"
    }

    transition {
      days          = var.lifecycle_days.infrequent_access
      storage_class = "STANDARD_IA"
    }
  }
}
