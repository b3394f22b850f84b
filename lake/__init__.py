"""The emulated S3 of the compose stack: ministack, held to what the commit log relies on."""
