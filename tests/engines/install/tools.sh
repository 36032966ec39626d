#!/bin/bash
# Install more command-line tools that tests/clients/test_connect.py connects, at the versions below, into .engines/tools:
# node and the npm packages. A tool that is there at its version is kept; remove .engines/tools to begin again.
# usage: tests/engines/install/tools.sh      (Linux and macOS with npm; needs no root)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
prefix=$PWD/.engines/tools
modules=$prefix/node_modules

# the newest node that all of them run on; npm is run by it, since it takes an old release where the node is too old
node=22.23.3
packages=(
    "pi @mariozechner/pi-coding-agent 0.73.1"
    "copilot @github/copilot 1.0.102"
    "droid droid 0.215.0"
)

# Say whether a package is there at its version.
there() {
    [ -x "$modules/.bin/$1" ] && grep -q "\"version\": \"$3\"" "$modules/$2/package.json" 2>/dev/null
}

whole=yes
for line in "node node $node" "${packages[@]}"; do
    read -r command package version <<<"$line"
    there "$command" "$package" "$version" || whole=no
done
[ "$whole" = yes ] && exit 0
if ! command -v npm >/dev/null; then
    echo "tools: npm is missing: install node 20 or newer with its npm, then run this again" >&2
    exit 69
fi
mkdir -p "$prefix"
options=(--prefix "$prefix" --no-save --no-package-lock --no-audit --no-fund --loglevel=error)
echo "tools: installing node $node, then ${packages[*]} into $prefix (about 900 MB)" >&2
npm install "${options[@]}" "node@$node" >&2
all=("node@$node")
for line in "${packages[@]}"; do
    read -r command package version <<<"$line"
    all+=("$package@$version")
done
# all of them at once: npm removes what an unsaved install does not name
PATH=$modules/node/bin:$PATH npm install "${options[@]}" "${all[@]}" >&2
for line in "${packages[@]}"; do
    read -r command package version <<<"$line"
    there "$command" "$package" "$version" || {
        echo "tools: $command $version was installed and is not there" >&2
        exit 69
    }
done
