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
record=$run/$name.pid log=$run/$name.log lock=$run/$name.lock

# Two at once would both find nothing that runs.
take_lock() {
  tries=0
  until mkdir -- "$lock" 2>/dev/null; do
    if is_running "$lock/owner"; then fail "$name is being started by process $pid"; fi
    # Whoever made it may not have written its owner yet; one that was killed never takes it away.
    if [ "$tries" -ge 5 ]; then rm -rf -- "$lock"; fi
    [ "$tries" -lt 10 ] || fail "cannot make $lock"
    sleep 0.2
    tries=$((tries + 1))
  done
  trap 'rm -rf -- "$lock"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  write_record "$lock/owner" "$$"
}
take_lock

if is_running "$record"; then
  echo "$name runs already (process $pid)"
  exit 0
fi
rm -f -- "$record"

# A session of its own: it hears nothing of this terminal. Where there is no setsid, nohup has to do. It writes its own
# record before it becomes the program, so that nothing runs that stop.sh does not know, and has the number that it has:
# setsid may go on as another process.
: >>"$log"
seen=$(($(wc -c <"$log")))
# shellcheck disable=SC2016  # It is the other shell that reads its arguments.
become='. "$1"; write_record "$2" "$$"; shift 2; exec "$@"'
set -- sh -c "$become" sh "$here/processes.sh" "$record" "$program" "$command" "$@"
if command -v setsid >/dev/null 2>&1; then
  setsid "$@" </dev/null >>"$log" 2>&1 &
else
  nohup "$@" </dev/null >>"$log" 2>&1 &
fi
waited=0
until [ -e "$record" ] || [ "$waited" -ge 25 ]; do
  sleep 0.2
  waited=$((waited + 1))
done

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
is_running "$record" || fail "$name ended at once; its log is $log"
echo "$name is up (process $pid, log $log)"
