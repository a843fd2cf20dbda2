#!/bin/sh
# Puts the given version of Bun at <folder>/bun, by way of npm. Plain sh, because nothing else is there yet.
# Usage: scripts/get-bun.sh <version> <folder>
set -eu

version=$1
folder=$2
minimum_node=18

fail() {
  echo "claw-mesh: $1" >&2
  exit 1
}

command -v node >/dev/null 2>&1 ||
  fail "Node.js is not installed. Install Node.js $minimum_node or newer (with npm), then run make again."
command -v npm >/dev/null 2>&1 ||
  fail "npm is not installed. It comes with Node.js $minimum_node or newer; install it, then run make again."
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge "$minimum_node" ] ||
  fail "Node.js $(node --version) is too old. Install Node.js $minimum_node or newer, then run make again."

works() {
  [ "$("$1" --version 2>/dev/null)" = "$version" ]
}

# npm's own folder; the fallback for machines where packages may not run their install scripts is the platform binary.
packages=$(dirname "$folder")
find_bun() {
  for candidate in "$packages"/node_modules/bun/bin/bun.exe "$packages"/node_modules/@oven/bun-*/bin/bun; do
    if [ -f "$candidate" ] && works "$candidate"; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

if ! bun=$(find_bun); then
  echo "Getting Bun $version through npm …" >&2
  mkdir -p "$packages"
  npm install --prefix "$packages" --no-audit --no-fund --loglevel=error "bun@$version" >&2 ||
    fail "npm could not install bun@$version. Check the network and the registry: npm ping"
  bun=$(find_bun) ||
    fail "bun@$version was installed but does not run on this machine ($(uname -s) $(uname -m)). Remove $packages and try again."
fi

mkdir -p "$folder"
ln -sf "../${bun#"$packages"/}" "$folder/bun"
