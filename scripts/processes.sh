# shellcheck shell=sh
# What start.sh and stop.sh know of processes. Read by both with `.`; does nothing by itself.

# When the process was started, as this system tells it; empty when there is none. With it a process id means one process:
# ids are used again.
process_start() {
  if [ -r "/proc/$1/stat" ]; then
    # The name before the last bracket may hold blanks. A zombie has ended.
    # The time counts from the start of the system, so the run of the system belongs to it.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null |
      awk -v boot="$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)" '$1 != "Z" && $1 != "X" { print $20 "@" boot }'
  elif [ ! -d /proc/self ]; then
    # Whoever asks later may have another language and another time zone.
    LC_ALL=C TZ=UTC0 ps -o stat=,lstart= -p "$1" 2>/dev/null | awk '$1 !~ /^Z/ { $1 = ""; print }' | tr -s ' ' | sed 's/^ //'
  fi
}

# Whether the process that a file records still runs. Sets $pid.
is_running() {
  pid= recorded=
  [ -r "$1" ] || return 1
  { read -r pid && read -r recorded; } <"$1" || return 1
  case $pid in '' | *[!0-9]* | 0 | 1) return 1 ;; esac
  [ -n "$recorded" ] && [ "$(process_start "$pid")" = "$recorded" ]
}

# write_record <file> <process id>
write_record() {
  printf '%s\n%s\n' "$2" "$(process_start "$2")" >"$1.new"
  mv -- "$1.new" "$1"
}

# Folder of process ids and logs.
run_folder() {
  if [ -n "${CLAW_MESH_RUN:-}" ]; then
    printf '%s\n' "$CLAW_MESH_RUN"
  else
    printf '%s\n' "${CLAW_MESH_HOME:-$HOME/.claw-mesh}/run"
  fi
}
