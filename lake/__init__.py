"""The emulated S3 of the compose stack: ministack, with the guarantees of S3 that the commit log relies on."""
