#!/usr/bin/env bash
# Running beside Docker: tests/bench/running.sh ARCHIVE [ROUNDS]
#
# ARCHIVE is what `docker save` wrote of an image with a command that ends by itself. Measures,
# in turn and by the clock of this machine: `run --rm busybox true` by both, the load of the
# archive by Docker, the first runs of its image by larder, unpacking included, and later ones.
# Prints medians and ratios. Needs root, Docker's engine, busybox-static and a release build;
# starts an engine of its own, and leaves nothing.
set -euo pipefail
archive=$(realpath "$1")
rounds=${2:-15}
cd "$(dirname "$0")/../.."
larder=${CARGO_TARGET_DIR:-target}/release/larder
work=$(mktemp -d)
export LARDER_STORE=$work/store

dockerd --data-root "$work/data" --exec-root "$work/exec" -H "unix://$work/socket" -p "$work/pid" \
  --iptables=false --bridge=none >"$work/log" 2>&1 &
engine=$!
docker() { command docker -H "unix://$work/socket" "$@"; }
clean() {
  kill "$engine" && wait "$engine" || true
  rm -rf "$work"
}
trap clean EXIT
until docker version >/dev/null 2>&1; do sleep 0.2; done

# Milliseconds that a command takes.
took() {
  local start
  start=$(date +%s%N)
  "$@" >/dev/null
  echo $((($(date +%s%N) - start) / 1000000))
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
say() { printf '%-48s %6s ms\n' "$1" "$2"; }
ratio() { awk -v a="$1" -v b="$2" -v what="$3" 'BEGIN { printf "%-48s %6.2f\n", what, a / b }'; }

files=$work/files
mkdir -p "$files/bin"
cp "$(command -v busybox)" "$files/bin"
for applet in true sh; do ln -s busybox "$files/bin/$applet"; done
tar -C "$files" -c . | docker import - busybox >/dev/null
tar -C "$files" -c . | "$larder" import - busybox >/dev/null
for ((round = 0; round < rounds; round++)); do
  took docker run --rm --network none busybox true >>"$work/docker-run"
  took "$larder" run --rm busybox true >>"$work/larder-run"
done

sync
took docker load -q -i "$archive" >"$work/docker-load"
# Stores of their own, and nothing is deleted meanwhile: for minutes after files went, ext4 is slow
# to make new ones.
for ((round = 0; round < 3; round++)); do
  for first in first first-true; do
    export LARDER_STORE=$work/store-$first-$round
    image=$("$larder" load -i "$archive" | sed -n 's/^Loaded image: //p' | head -n 1)
    sync
    if [ "$first" = first ]; then set -- "$image"; else set -- --entrypoint /bin/true "$image"; fi
    took "$larder" run --rm "$@" >>"$work/$first"
  done
done
for ((round = 0; round < 5; round++)); do
  took docker run --rm --network none "$image" >>"$work/docker-second"
  took "$larder" run --rm "$image" >>"$work/second"
  took "$larder" run --rm --entrypoint /bin/true "$image" >>"$work/second-true"
done

docker_run=$(median <"$work/docker-run") larder_run=$(median <"$work/larder-run")
load=$(cat "$work/docker-load") first=$(median <"$work/first")
say "docker run --rm busybox true" "$docker_run"
say "larder run --rm busybox true" "$larder_run"
ratio "$larder_run" "$docker_run" "  ratio (target 0.33)"
say "docker load of the archive" "$load"
say "larder run --rm of its image, the first" "$first"
ratio "$first" "$load" "  ratio (target 0.33)"
say "larder run --rm of its image, the first, /bin/true" "$(median <"$work/first-true")"
say "larder run --rm of its image, later" "$(median <"$work/second")"
say "docker run --rm of its image, later" "$(median <"$work/docker-second")"
say "larder run --rm of its image, /bin/true" "$(median <"$work/second-true")"
