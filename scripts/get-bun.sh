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

# npm's own folder. Packages run no install scripts here, so the program is the one of the platform's package.
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

# The lock file says which bytes (SHA-512) these versions have; npm refuses others, whatever the registry.
toolchain=$(dirname "$0")/toolchain
if ! bun=$(find_bun); then
  grep -q "\"bun\": \"$version\"" "$toolchain/package.json" ||
    fail "scripts/toolchain/ does not lock bun@$version. After a change of the version: npm install --package-lock-only --prefix scripts/toolchain bun@$version --save-exact"
  echo "Getting Bun $version through npm …" >&2
  mkdir -p "$packages"
  cp "$toolchain/package.json" "$toolchain/package-lock.json" "$packages/"
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    fail "npm could not install bun@$version. Check the network and the registry: npm ping"
  bun=$(find_bun) ||
    fail "npm got no bun@$version that has the checksum of scripts/toolchain/ and runs on this machine ($(uname -s) $(uname -m)). Remove $packages and try again."
fi

mkdir -p "$folder"
ln -sf "../${bun#"$packages"/}" "$folder/bun"
