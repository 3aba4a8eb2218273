#!/usr/bin/env bash
# Fills a data folder and becomes an Argos that the proxy harness measures: one thread, a catch-all host before the
# upstream, and the virtual hosts of s9. The WAF is off, or at paranoia 1 in block mode with the core rule set of
# SHARED_DIR. Over TLS the catch-all host has the given certificate.
# usage: start-argos.sh DIR HTTP HTTPS UPSTREAM CERT KEY VHOSTS ACCESS_LOG [waf]
set -eu
dir=$1 http=$2 https=$3 upstream=$4 cert=$5 key=$6 vhosts=$7 access_log=$8
crs=
[ "${9:-}" != waf ] || crs=$(cd "${SHARED_DIR:?}/crs" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
argos=${ARGOS_BIN:-$here/../../target/release/argos}
data=$dir/data

waf='"waf_enabled":false'
[ -z "$crs" ] || waf='"waf_enabled":true,"waf_mode":"block","waf_paranoia":1'

host() { # NAME: a host of the one group
  n=$((n + 1))
  printf '{"call":"hosts.create","input":{"domain":"%s","target_group_id":1,"tls_mode":"none","https_redirect":false,"access_log":%s}}\n' "$1" "$access_log"
  printf '{"call":"security.update","input":{"host_id":%s,%s}}\n' "$n" "$waf"
}

fill() {
  n=0
  printf '{"call":"target_groups.create","input":{"name":"upstream","targets":[{"host":"%s","port":%s}]}}\n' "${upstream%:*}" "${upstream##*:}"
  host '*'
  i=0
  while [ "$i" -lt "$vhosts" ]; do
    host "h$i.bench.test"
    i=$((i + 1))
  done
  if [ "$vhosts" -gt 0 ]; then
    printf '{"call":"rules.create","input":{"host_id":%s,"action":{"type":"fixed_response","config":{"status_code":200,"body":"1"}},"matchers":[{"type":"path_exact","config":{"values":["/gen"]}}]}}\n' "$n"
  fi
}

fill | "$argos" call - --create --data-dir "$data" >/dev/null
"$argos" certificate upload 1 --cert-pem "$cert" --key-pem "$key" --data-dir "$data" >/dev/null
exec "$argos" serve ${crs:+--crs "$crs"} --data-dir "$data" --http "$http" --https "$https" --panel off --threads 1 --log-level warn
