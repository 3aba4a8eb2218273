#!/usr/bin/env bash
# One change for s9: the last host's /gen answers GEN from now on.
# usage: change-host.sh DIR VHOSTS GEN
set -eu
exec curl -sf --unix-socket "$1/data/argos.sock" -X PATCH -H 'Content-Type: application/json' \
  -d "{\"action\":{\"type\":\"fixed_response\",\"config\":{\"status_code\":200,\"body\":\"$3\"}}}" \
  "http://localhost/api/v1/hosts/$(($2 + 1))/rules/1"
