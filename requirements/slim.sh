#!/bin/sh
# slim.sh SITE_PACKAGES: takes out of an image's packages what none of our programs loads, about 120 MB. The Dockerfile
# runs the programs' imports afterwards, so that an upgrade that needs one of these again fails the build.
set -eu
cd "$1"

# pyarrow: headers, sources, tests; Flight's servers, and its own S3 client, as boto3 is ours.
# Its wheel holds some libraries three times over, for linkers; the dynamic loader asks for the two-part name.
if [ -d pyarrow ]; then
  rm -rf pyarrow/include pyarrow/src pyarrow/tests pyarrow/*.pxd pyarrow/*.pxi pyarrow/*.pyx
  rm -f pyarrow/libarrow_flight.so* pyarrow/libarrow_python_flight.so* pyarrow/_flight.*.so pyarrow/flight.py
  rm -f pyarrow/libarrow_s3.so* pyarrow/_s3fs.*.so
  find pyarrow -maxdepth 1 \( -name 'lib*.so' -o -name 'lib*.so.*.*' \) ! -name 'lib.cpython*' -delete
fi

# The AWS SDK describes hundreds of services; these are the ones of a client of S3, and of a login.
if [ -d botocore/data ]; then
  find botocore/data -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -rf {} +
fi
if [ -d boto3/data ]; then
  find boto3/data boto3/examples -mindepth 1 -maxdepth 1 ! -name s3 -exec rm -rf {} +
fi
