#!/bin/sh
# Gets what tests need beside Bun: strace for the fault tests, or the tools that are named (chromium, sshd, ssh, ip,
# systemd-analyze, xmllint). Asks nothing; leaves alone what is there, and starts none of it. Without root, or on a system without
# apt, it says what is missing and ends with 0: the tests that need it say that they were skipped, and in CI they fail.
set -eu

# sshd is not on everybody's path.
PATH=$PATH:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive

# The package that a program comes with.
package_of() {
  case $1 in
    sshd) echo openssh-server ;;
    ssh) echo openssh-client ;;
    ip) echo iproute2 ;;
    systemd-analyze) echo systemd ;;
    xmllint) echo libxml2-utils ;;
    *) echo "$1" ;;
  esac
}

# Lists that are there are tried first: getting them anew takes longer than the rest.
install() {
  apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 || {
    apt-get update -qq >/dev/null
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null
  }
}

# Packages of servers start them when they are installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
without_starting() {
  if [ -e "$policy" ]; then
    install "$1"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  # A shell that is ended by a signal does not come by EXIT.
  trap 'rm -f "$policy"' EXIT
  trap 'rm -f "$policy"; exit 129' HUP
  trap 'rm -f "$policy"; exit 130' INT
  trap 'rm -f "$policy"; exit 143' TERM
  install "$1"
  rm -f "$policy"
  trap - EXIT HUP INT TERM
}

[ $# -gt 0 ] || set -- strace
for tool in "$@"; do
  if command -v "$tool" >/dev/null 2>&1; then
    continue
  fi
  if [ "$(uname -s)" != Linux ] && [ "$tool" != chromium ]; then
    echo "claw-mesh: $tool is for Linux only; the tests that need it are skipped here." >&2
    continue
  fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "claw-mesh: $tool is missing; install it with the package manager of this system, as root." >&2
    continue
  fi
  echo "installing $tool" >&2
  without_starting "$(package_of "$tool")"
done
