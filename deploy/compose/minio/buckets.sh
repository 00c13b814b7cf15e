#!/bin/sh
# The buckets of docker-compose.yml with their objects, and whom Sluice is towards MinIO: one who may read.
set -eu
mc alias set store http://minio:9000 operator "$MINIO_ROOT_PASSWORD" >/dev/null
for bucket in samples documents; do
  mc mb --ignore-existing "store/$bucket"
  mc mirror --overwrite "/objects/$bucket" "store/$bucket"
done
mc admin policy create store sluice-reads /init/read-only.json
mc admin user add store sluice "$S3_SECRET_KEY"
# Attached already is well, too; anything else shows when Sluice may not read.
mc admin policy attach store sluice-reads --user sluice || mc admin user info store sluice
