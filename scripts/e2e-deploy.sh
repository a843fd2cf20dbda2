#!/bin/sh
# Tries a mesh on real machines: builds claw-mesh, copies it to remote hosts over ssh, starts a coordinator and nodes, sends
# messages to each node, checks the answers, and removes everything again. Exit code 0: all answered; 1: something failed;
# 2: wrong use; 3: a host cannot be reached.
#
#   COORDINATOR_HOST=me@vps NODE_HOSTS="me@mac me@gpu-box" scripts/e2e-deploy.sh
# Without -f, blanks apart, a word of a list such as UP_ARGS could become names of files.
set -euf
umask 077

# ---- hosts -------------------------------------------------------------------------------------------------------------
# user@host as ssh takes it, or a name of ~/.ssh/config. "local" is this machine. The defaults are only an example.
COORDINATOR_HOST=${COORDINATOR_HOST:-local}
NODE_HOSTS=${NODE_HOSTS:-}
# Where nodes reach the coordinator [http://<host of COORDINATOR_HOST>:<PORT>; this machine's name for "local"].
COORDINATOR_URL=${COORDINATOR_URL:-}
PORT=${PORT:-9180}

# ---- ssh ---------------------------------------------------------------------------------------------------------------
# More options for ssh, split at blanks: "-p 2222 -i /home/me/key", "-F my_config".
SSH_OPTIONS=${SSH_OPTIONS:-}
# A file with the hosts' keys. Without it keys of hosts never seen are taken and kept; a key that has changed is refused.
KNOWN_HOSTS=${KNOWN_HOSTS:-}
CONNECT_TIMEOUT_S=${CONNECT_TIMEOUT_S:-10}

# ---- what is tried -----------------------------------------------------------------------------------------------------
# The executable for the hosts, also compressed as <file>.gz; empty: make build. It has to be for their system and processor.
BINARY=${BINARY:-}
# Arguments of claw-mesh up and join, split at blanks. Nodes without an AI runtime answer with an echo.
UP_ARGS=${UP_ARGS:---no-local}
JOIN_ARGS=${JOIN_ARGS:---no-gateway}
# Seconds that the mesh is left alone before each node is asked once more; 0: asked once only.
SOAK_S=${SOAK_S:-0}
# Seconds that an answer may take.
ANSWER_LIMIT_S=${ANSWER_LIMIT_S:-60}
# Anything: leave processes and files on the hosts.
KEEP=${KEEP:-}
# ------------------------------------------------------------------------------------------------------------------------

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# Fails when nobody reads any more; then the signal, or `set -e`, ends the script by way of clean_up.
say() {
  printf '== %s\n' "$*" 2>/dev/null
}
fail() {
  printf 'e2e-deploy.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}
# One word for the shell at the other end.
quote() {
  printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

case $SOAK_S in '' | *[!0-9]*) fail "SOAK_S is a number of seconds: $SOAK_S" 2 ;; esac
case $PORT in '' | *[!0-9]*) fail "PORT is a number: $PORT" 2 ;; esac
[ -n "$NODE_HOSTS" ] || fail 'name the hosts of the nodes: NODE_HOSTS="me@one me@two"' 2
for host in $COORDINATOR_HOST $NODE_HOSTS; do
  case $host in -* | *[!A-Za-z0-9@._:%-]*) fail "this is no host: $host" 2 ;; esac
done

# Runs ssh with what all calls share; never asks anybody.
to_host() {
  if [ -n "$KNOWN_HOSTS" ]; then
    set -- -o "UserKnownHostsFile=$KNOWN_HOSTS" -o StrictHostKeyChecking=yes "$@"
  else
    set -- -o StrictHostKeyChecking=accept-new "$@"
  fi
  # shellcheck disable=SC2086  # SSH_OPTIONS is a list of words.
  ssh -o BatchMode=yes -o "ConnectTimeout=$CONNECT_TIMEOUT_S" -o ServerAliveInterval=5 -o ServerAliveCountMax=3 \
    -o LogLevel=ERROR $SSH_OPTIONS "$@"
}

# on <host> <script> [word ...]: runs the script there; the words are its $1, $2 and so on. Standard input is passed on.
on() {
  where=$1 remote_script=$2
  shift 2
  if [ "$where" = local ]; then
    sh -c "$remote_script" sh "$@"
    return
  fi
  line="sh -c $(quote "$remote_script")sh "
  for word in "$@"; do line=$line$(quote "$word"); done
  to_host -- "$where" "$line"
}

# address_of <host>: where ssh would go, as it stands in a URL.
address_of() {
  if [ "$1" = local ]; then
    hostname
    return
  fi
  # shellcheck disable=SC2086  # SSH_OPTIONS is a list of words.
  address=$(ssh -G $SSH_OPTIONS -- "$1" 2>/dev/null | awk '$1 == "hostname" { print $2; exit }')
  [ -n "$address" ] || address=${1##*@}
  case $address in
    \[*) ;;
    *:*) address=[$address] ;;
  esac
  printf '%s\n' "$address"
}

# Folders on the hosts, one line each: <label> <host> <folder>. The label is the name of the node.
work=$(mktemp -d)
places=$work/places
: >"$places"

place_of() {
  awk -v label="$1" '$1 == label { sub(/^[^ ]+ [^ ]+ /, ""); print }' "$places"
}

# Stops and removes what this run has put on the hosts, and says what is left. Nodes go first.
clean_up() {
  code=$?
  # Whoever read what is said may be gone, as after Ctrl-C in `| tee`: what was put on the hosts goes all the same.
  trap - EXIT
  trap '' HUP INT TERM PIPE
  set +e
  if [ -n "$KEEP" ]; then
    say "left on the hosts, as KEEP is set:"
    cat "$places"
  else
    while read -r label host folder; do
      say "$label: stop and remove"
      on "$host" '
        if [ -x "$1/stop.sh" ]; then CLAW_MESH_HOME="$1/home" "$1/stop.sh" || exit 1; fi
        rm -rf -- "$1"' "$folder" </dev/null >"$work/said" 2>&1 || {
        echo "e2e-deploy.sh: $label: could not be removed from $host: $folder" >&2 || true
        [ "$code" -ne 0 ] || code=1
      }
      # Not written straight to us: nobody may read it, and what writes it would end.
      cat "$work/said" 2>/dev/null
    done <<EOF
$(awk '{ line[NR] = $0 } END { for (at = NR; at > 0; at--) print line[at] }' "$places")
EOF
  fi
  rm -rf -- "$work"
  if [ "$code" -eq 0 ]; then say "all nodes answered"; else say "failed (exit code $code)"; fi
  exit "$code"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 141' PIPE

# prepare <label> <host>: a new folder on the host with the executable and the scripts.
prepare() {
  say "$1: copy to $2"
  folder=$(on "$2" 'umask 077; mktemp -d "${TMPDIR:-/tmp}/claw-mesh-e2e.XXXXXX"' </dev/null) ||
    fail "$2 cannot be reached by ssh any more, or has no room" 3
  printf '%s %s %s\n' "$1" "$2" "$folder" >>"$places"
  on "$2" 'umask 077; cd -- "$1" && tar -xf - && gunzip claw-mesh.gz && chmod 700 claw-mesh *.sh && ./claw-mesh version' \
    "$folder" <"$work/files.tar" ||
    fail "$2: the files could not be copied, or the executable does not run there; build one for that machine and name it: BINARY=<file>"
}

# ask <label> <question>: sends it to the node and looks for it in the answer.
ask() {
  answer=$(on "$COORDINATOR_HOST" '
    CLAW_MESH_HOME="$1/home" "$1/claw-mesh" send --node "$2" --timeout "$4" --coordinator "http://127.0.0.1:$5" "$3"' \
    "$mesh" "$1" "$2" "$ANSWER_LIMIT_S" "$PORT" </dev/null 2>&1) || {
    printf '%s\n' "$answer" >&2
    show_log "$1"
    fail "$1 does not answer"
  }
  case $answer in
    *"$2"*) say "$1 answered" ;;
    *)
      printf '%s\n' "$answer" >&2
      # A real AI says something of its own.
      case " $JOIN_ARGS " in *" --no-gateway "*) fail "$1 answered something else" ;; *) say "$1 answered" ;; esac
      ;;
  esac
}

show_log() {
  host=$(awk -v label="$1" '$1 == label { print $2 }' "$places")
  echo "--- the end of the log of $1" >&2
  on "$host" 'tail -n 15 "$1"/home/run/*.log' "$(place_of "$1")" </dev/null >&2 || true
}

# ---- look and build -----------------------------------------------------------------------------------------------------
for host in $COORDINATOR_HOST $NODE_HOSTS; do
  system=$(on "$host" 'uname -sm; ls -d "${TMPDIR:-/tmp}"/claw-mesh-e2e.* 2>/dev/null || true' </dev/null) ||
    fail "$host cannot be reached by ssh; try: ssh $SSH_OPTIONS $host true" 3
  left=$(printf '%s\n' "$system" | sed 1d)
  say "$host is there: $(printf '%s\n' "$system" | sed 1q)"
  [ -z "$left" ] || printf '%s\n' "$host: another run has left, or still uses:" "$left"
done
if [ -z "$BINARY" ]; then
  say "build"
  make -C "$here/.." build
  BINARY=$here/../bin/claw-mesh
fi
case $BINARY in
  *.gz) [ -r "$BINARY" ] || fail "there is no file $BINARY" 2 ;;
  *) [ -f "$BINARY" ] && [ -x "$BINARY" ] || fail "there is no executable $BINARY" 2 ;;
esac
# What goes to every host, as one stream.
mkdir "$work/files"
cp -- "$here/processes.sh" "$here/start.sh" "$here/stop.sh" "$work/files"
case $BINARY in
  *.gz) cp -- "$BINARY" "$work/files/claw-mesh.gz" ;;
  *) gzip -1 -c -- "$BINARY" >"$work/files/claw-mesh.gz" ;;
esac
tar -cf "$work/files.tar" -C "$work/files" claw-mesh.gz processes.sh start.sh stop.sh
rm -rf -- "$work/files"
if [ -z "$COORDINATOR_URL" ]; then
  COORDINATOR_URL=http://$(address_of "$COORDINATOR_HOST"):$PORT
fi

# ---- start -------------------------------------------------------------------------------------------------------------
prepare coordinator "$COORDINATOR_HOST"
mesh=$(place_of coordinator)
say "coordinator: start on port $PORT"
# shellcheck disable=SC2086  # UP_ARGS is a list of words.
on "$COORDINATOR_HOST" 'folder=$1; shift; CLAW_MESH_HOME="$folder/home" "$folder/start.sh" coordinator "$@"' \
  "$mesh" --port "$PORT" $UP_ARGS </dev/null || fail "the coordinator did not start; is port $PORT taken?"
on "$COORDINATOR_HOST" 'cat "$1/home/token"' "$mesh" </dev/null >"$work/token" || fail "the coordinator has no token"

count=0
for host in $NODE_HOSTS; do
  count=$((count + 1))
  label=node-$count
  prepare "$label" "$host"
  say "$label: join $COORDINATOR_URL"
  # By standard input: arguments can be read by every user of the host.
  on "$host" 'umask 077; mkdir -p "$1/home"; cat >"$1/join.token"' "$(place_of "$label")" <"$work/token"
  # shellcheck disable=SC2086  # JOIN_ARGS is a list of words.
  on "$host" 'folder=$1; shift
    CLAW_MESH_HOME="$folder/home" "$folder/start.sh" node "$@" --token-file "$folder/join.token"' \
    "$(place_of "$label")" "$COORDINATOR_URL" --name "$label" $JOIN_ARGS </dev/null || fail "$label did not join"
done

# ---- test --------------------------------------------------------------------------------------------------------------
ask_all() {
  count=0
  for host in $NODE_HOSTS; do
    count=$((count + 1))
    ask "node-$count" "question $1 for node-$count ($$)"
  done
}
ask_all 1
if [ "$SOAK_S" -gt 0 ]; then
  say "all answered; once more after $SOAK_S s"
  # By seconds, so that a signal is answered soon.
  left=$SOAK_S
  while [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
  done
  ask_all 2
fi
