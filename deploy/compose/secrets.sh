#!/bin/sh
# Writes .env beside docker-compose.yml: a secret of its own for everything that wants one.
# What is there already stays.
set -eu
umask 077
file="$(dirname "$0")/../../.env"
touch "$file"
for name in MINIO_ROOT_PASSWORD S3_SECRET_KEY REDIS_PASSWORD JWT_SECRET ADMIN_TOKEN GRAFANA_PASSWORD; do
  grep -q "^$name=" "$file" || echo "$name=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" >>"$file"
done
echo "the secrets are in $(cd "$(dirname "$file")" && pwd)/.env"
