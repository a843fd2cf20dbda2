#!/bin/sh
# Stops what start.sh started, by its recorded process id and start time: never another process that got the same id.
#
#   scripts/stop.sh [<name> ...]      without a name: all
#
# CLAW_MESH_HOME  data directory [~/.claw-mesh]
# CLAW_MESH_RUN   folder of process ids and logs [<data directory>/run]
# STOP_WAIT_S     how long a graceful end may take before the process is killed [60]
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=scripts/processes.sh
. "$here/processes.sh"

case ${1:-} in
  -*)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

run=$(run_folder)
failed=0

# Sets $pid by way of is_running; the process is asked for again before every signal.
stop_recorded() {
  record=$1
  name=$(basename -- "$record" .pid)
  if ! is_running "$record"; then
    echo "$name does not run"
    rm -f -- "$record"
    return
  fi
  kill -TERM "$pid" 2>/dev/null || true
  waited=0
  while is_running "$record"; do
    if [ "$waited" -eq "$((${STOP_WAIT_S:-60} * 5))" ]; then
      echo "$name does not end within ${STOP_WAIT_S:-60} s and is killed (process $pid)" >&2
      kill -KILL "$pid" 2>/dev/null || true
    elif [ "$waited" -gt "$((${STOP_WAIT_S:-60} * 5 + 50))" ]; then
      echo "stop.sh: $name cannot be ended (process $pid)" >&2
      failed=1
      return
    fi
    sleep 0.2
    waited=$((waited + 1))
  done
  rm -f -- "$record"
  echo "$name is stopped"
}

if [ $# -gt 0 ]; then
  for name in "$@"; do
    case $name in
      '' | *[!A-Za-z0-9._-]* | .*)
        echo "stop.sh: $name is no name of a record" >&2
        exit 2
        ;;
    esac
    stop_recorded "$run/$name.pid"
  done
else
  # Nodes first: they say goodbye to their coordinator.
  for record in "$run"/*.pid; do
    [ "$record" = "$run/coordinator.pid" ] || [ ! -e "$record" ] || stop_recorded "$record"
  done
  [ ! -e "$run/coordinator.pid" ] || stop_recorded "$run/coordinator.pid"
fi
exit "$failed"
