#!/bin/sh
# Starts a coordinator or a node in the background and waits until it works. stop.sh ends it.
#
#   scripts/start.sh [-n <name>] coordinator [arguments of claw-mesh up ...]
#   scripts/start.sh [-n <name>] node <url> [arguments of claw-mesh join ...]
#
# -n          name of the record, for more than one of a kind [coordinator, node]
# CLAW_MESH       the executable [claw-mesh beside this script, ../bin/claw-mesh, or on PATH]
# CLAW_MESH_HOME  data directory [~/.claw-mesh]
# CLAW_MESH_RUN   folder of process ids and logs [<data directory>/run]
# START_WAIT_S    how long it may take to work [30]
#
# Give a token with --token-file: every user of the machine can read arguments.
# A service survives a restart of the machine, this does not: claw-mesh service install --help
set -eu
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=scripts/processes.sh
. "$here/processes.sh"

fail() {
  echo "start.sh: $1" >&2
  exit "${2:-1}"
}
usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

name=
while getopts n:h option; do
  case $option in
    n) name=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
role=${1:-}
case $role in
  coordinator) command=up works='coordinator listening on ' ;;
  node)
    command=join works='registered as node '
    [ $# -ge 2 ] || usage
    ;;
  *) usage ;;
esac
shift
name=${name:-$role}
case $name in '' | *[!A-Za-z0-9._-]* | .*) fail "a name has letters, digits, dots, hyphens and underscores: $name" 2 ;; esac

find_program() {
  for candidate in "${CLAW_MESH:-}" "$here/claw-mesh" "$here/../bin/claw-mesh"; do
    if [ -n "$candidate" ] && [ -f "$candidate" ] && [ -x "$candidate" ]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  command -v claw-mesh || fail "there is no claw-mesh here; build it with make build, or name it: CLAW_MESH=<file>"
}
program=$(find_program)

run=$(run_folder)
mkdir -p -- "$run"
record=$run/$name.pid log=$run/$name.log
if is_running "$record"; then
  echo "$name runs already (process $pid)"
  exit 0
fi

# A session of its own: it hears nothing of this terminal. Where there is no setsid, nohup has to do.
: >>"$log"
seen=$(($(wc -c <"$log")))
if command -v setsid >/dev/null 2>&1; then
  setsid "$program" "$command" "$@" </dev/null >>"$log" 2>&1 &
else
  nohup "$program" "$command" "$@" </dev/null >>"$log" 2>&1 &
fi
pid=$!
printf '%s\n%s\n' "$pid" "$(process_start "$pid")" >"$record.new"
mv -- "$record.new" "$record"

tail_of_log() {
  tail -c "+$((seen + 1))" -- "$log" | tail -n 20 >&2
}
waited=0
until tail -c "+$((seen + 1))" -- "$log" | grep -q -- "$works"; do
  if ! is_running "$record"; then
    tail_of_log
    rm -f -- "$record"
    fail "$name ended at once; its log is $log"
  fi
  if [ "$waited" -ge "$((${START_WAIT_S:-30} * 5))" ]; then
    tail_of_log
    "$here/stop.sh" "$name" >&2 || true
    fail "$name did not work within ${START_WAIT_S:-30} s; its log is $log"
  fi
  sleep 0.2
  waited=$((waited + 1))
done
echo "$name is up (process $pid, log $log)"
