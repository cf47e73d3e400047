#!/bin/bash
# Runs once, when the database cluster is made: the four roles and the database of Anneal.
set -euo pipefail
psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$ANNEAL_OWNER_PASSWORD" \
  -v app_password="$ANNEAL_APP_PASSWORD" \
  -v backup_password="$ANNEAL_BACKUP_PASSWORD" \
  -v database=anneal \
  -f /anneal/roles.sql
