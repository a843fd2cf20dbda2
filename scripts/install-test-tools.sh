#!/bin/sh
# Gets what tests need beside Bun: strace for the fault tests, or the tool that is named (chromium). Asks nothing; leaves
# alone what is there. Without root, or on a system without apt, it says what is missing and ends with 0: the tests that
# need it say that they were skipped, and in CI they fail.
set -eu

tool=${1:-strace}
if command -v "$tool" >/dev/null 2>&1; then
  exit 0
fi
if [ "$(uname -s)" != Linux ] && [ "$tool" = strace ]; then
  echo "claw-mesh: strace is for Linux only; the tests of power loss order and slow disks are skipped here." >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "claw-mesh: $tool is missing; install it with the package manager of this system, as root." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing $tool" >&2
# Lists that are there are tried first: getting them anew takes longer than the rest.
apt-get install -y -qq --no-install-recommends "$tool" >/dev/null 2>&1 || {
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends "$tool" >/dev/null
}
