#!/usr/bin/env bash
# `make up`: starts the compose stack, after a look at what would stop it halfway: the engine, BUSINESS_NOW, the ports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'error: %s\n' "$@" >&2
  exit 2
}

require_engine() {
  docker compose version >/dev/null 2>&1 ||
    fail "docker compose is needed and was not found: install Docker Desktop, or Docker Engine with the compose plugin"
  docker info >/dev/null 2>&1 ||
    fail "the Docker engine does not answer: start Docker Desktop, or: sudo systemctl start docker"
}

# Lines of: service, address, port that it publishes, port in the container; of the services that would start.
published_ports() {
  docker compose config | awk '
    /^  [a-z_]+:$/ { service = substr($1, 1, length($1) - 1) }
    /^        host_ip:/ { address = $2 }
    /^        target:/ { target = $2 }
    /^        published:/ { gsub(/"/, "", $2); print service, address, $2, target }'
}

# The programs in the containers look closer; they would start again and again with what none of them can read.
require_moment() {
  local moment day='20[2-9][0-9]-[01][0-9]-[0-3][0-9]' time='[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?'
  moment=$(docker compose config | awk '$1 == "BUSINESS_NOW:" { gsub(/["'"'"']/, "", $2); print $2; exit }')
  [[ -z $moment || $moment =~ ^${day}[Tt]${time}([Zz]|[+-][0-9]{2}:[0-9]{2})$ ]] ||
    fail "BUSINESS_NOW is '$moment', which is no RFC 3339 time with its zone of the years 2020 to 2099: write it like 2028-02-29T23:58:00Z"
}

is_taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

require_free_ports() {
  local service address port target variable taken=()
  while read -r service address port target; do
    case $service in
      postgres) variable=POSTGRES_PORT ;;
      mock_saas) variable=SAAS_PORT ;;
      lake) variable=LAKE_PORT ;;
      prefect_server) variable=PREFECT_PORT ;;
      prefect_agent) variable=METRICS_PORT ;;
      analytics) variable=ANALYTICS_PORT ;;
      *) variable="another port for $service" ;;
    esac
    # Our own, of a stack that is up already, is no hindrance.
    if [ "$(docker compose port "$service" "$target" 2>/dev/null)" != "$address:$port" ] && is_taken "$address" "$port"; then
      taken+=("port $port, for $service, is taken on this machine. Stop what holds it, or set $variable in .env, such as $variable=$((port < 50000 ? port + 10000 : port - 10000))")
    fi
  done < <(published_ports)
  [ ${#taken[@]} -eq 0 ] || fail "${taken[@]}"
}

require_engine
docker compose config --quiet
require_moment
require_free_ports
docker compose up --detach --wait "$@"
cat <<MESSAGE

Everything is healthy, and the first run has begun.
  Watch it         http://$(docker compose port prefect_server 4200 | sed 's/127.0.0.1/localhost/')
  Its report       docker compose logs --follow prefect_flow
  Ask the marts    make query SQL="select * from MART.dim_product limit 5"     (once that run has completed)
  A living shop    docker compose --profile alive up -d
  Stop             make down     (volumes stay; docker compose down -v forgets all)
MESSAGE
