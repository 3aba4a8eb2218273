#!/usr/bin/env bash
# Becomes the nginx that the proxy harness measures beside Argos with its WAF on: one worker, its ModSecurity module
# with the core rule set of SHARED_DIR at paranoia 1, the settings of the harness's own nginx, no access log.
# Needs Debian's nginx and libnginx-mod-http-modsecurity (apt-get install --no-install-recommends).
# usage: start-nginx-modsecurity.sh DIR HTTP HTTPS UPSTREAM
set -eu
dir=$1 http=$2 upstream=$4
crs=$(cd "${SHARED_DIR:?}/crs" && pwd)
module=/usr/lib/nginx/modules/ngx_http_modsecurity_module.so
[ -f "$module" ] || { echo "libnginx-mod-http-modsecurity is not installed" >&2; exit 1; }
mkdir -p "$dir"
cat > "$dir/modsecurity.conf" <<CONF
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit 524288
SecAuditEngine Off
Include $crs/crs-setup.conf.example
Include $crs/rules/*.conf
CONF
cat > "$dir/nginx.conf" <<CONF
load_module $module;
daemon off;
user root;
worker_processes 1;
error_log $dir/error.log error;
pid $dir/nginx.pid;
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/ptmp;
    fastcgi_temp_path $dir/ftmp;
    uwsgi_temp_path $dir/utmp;
    scgi_temp_path $dir/stmp;
    modsecurity on;
    modsecurity_rules_file $dir/modsecurity.conf;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    proxy_http_version 1.1;
    proxy_set_header Host \$http_host;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For \$remote_addr;
    proxy_set_header X-Forwarded-Proto \$scheme;
    upstream up { server $upstream; keepalive 512; keepalive_requests 1000000000; }
    server {
        listen $http default_server backlog=4096;
        location / { proxy_pass http://up; }
    }
}
CONF
exec nginx -c "$dir/nginx.conf"
