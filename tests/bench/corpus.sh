#!/usr/bin/env bash
# Loads and saves the archives of a directory with larder and with a Docker engine, in
# turn, then exports and imports the file systems in them, and prints two tables: medians
# of seconds, larder's peak memory, bytes on disk.
#
#   corpus.sh DIR [RUNS]      RUNS: of each, 5 if not given
#
# Needs root, Debian's docker.io and time, and `larder` on the path (or LARDER=FILE).
# Every load goes into an empty store and an empty engine; every figure includes what
# makes it durable. The engine is its own, on a socket of its own, and is stopped.
set -euo pipefail
corpus=$(cd "$1" && pwd)
runs=${2:-5}
larder=${LARDER:-$(command -v larder)}
work=$(mktemp -d)
dockerd --data-root "$work/docker" --exec-root "$work/exec" -H "unix://$work/engine.sock" \
  -p "$work/engine.pid" --iptables=false --bridge=none >"$work/engine.log" 2>&1 &
engine=$!
stop() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  umount "$work/exec/netns/default" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
export DOCKER_HOST=unix://$work/engine.sock LARDER_STORE=$work/store
for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
docker info >/dev/null

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# timed NAME COMMAND...: appends seconds and peak kilobytes to NAME's records.
timed() { local name=$1; shift; /usr/bin/time -a -o "$work/$name" -f '%e %M' "$@" >/dev/null 2>&1; }
seconds() { cut -d' ' -f1 "$work/$1" | median; }
peak() { cut -d' ' -f2 "$work/$1" | median | awk '{ printf "%.0f", $1 / 1024 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }
megabytes() { awk -v b="$1" 'BEGIN { printf "%.1f", b / 1e6 }'; }
empty_engine() { docker image prune -af >/dev/null; docker images -aq | xargs -r docker rmi -f >/dev/null; }

echo "| archive | MB | larder load s | peak MiB | store MB | docker load s | overlay2 MB | ratio | again s | larder save s | peak MiB | docker save s | ratio |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
for archive in "$corpus"/*.tar; do
  name=$(basename "$archive")
  rm -f "$work"/{load,again,save,docker-load,docker-save}
  cat "$archive" >/dev/null # into the page cache, for both
  stored=0 overlay=0
  for _ in $(seq "$runs"); do
    rm -rf "$LARDER_STORE"
    timed load "$larder" load -q -i "$archive" || continue 2 # rootfs.tar is no image
    stored=$(du -s --block-size=1 "$LARDER_STORE" | cut -f1)
    timed again "$larder" load -q -i "$archive"
    mapfile -t images < <("$larder" images --format '{{.Repository}}:{{.Tag}}' | sort)
    timed save "$larder" save -o "$work/saved.tar" "${images[@]}"
    empty_engine
    if timed docker-load docker load -q -i "$archive"; then
      overlay=$(du -s --block-size=1 "$work/docker/overlay2" | cut -f1)
      timed docker-save docker save -o "$work/docker-saved.tar" "${images[@]}"
    else
      rm -f "$work/docker-load"
    fi
  done
  row=("$name" "$(megabytes "$(stat -c %s "$archive")")" "$(seconds load)" "$(peak load)" "$(megabytes "$stored")")
  if [ -s "$work/docker-load" ]; then
    row+=("$(seconds docker-load)" "$(megabytes "$overlay")" "$(ratio "$(seconds load)" "$(seconds docker-load)")")
  else
    row+=("-" "-" "-") # an engine before 25 reads no OCI layout
  fi
  row+=("$(seconds again)" "$(seconds save)" "$(peak save)")
  if [ -s "$work/docker-save" ]; then
    row+=("$(seconds docker-save)" "$(ratio "$(seconds save)" "$(seconds docker-save)")")
  else
    row+=("-" "-")
  fi
  (IFS='|'; echo "|${row[*]}|")
done

echo
echo "| image | paths | tar MB | larder export s | peak MiB | docker export s | ratio | larder import s | peak MiB | docker import s | ratio |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for archive in "$corpus"/*.tar; do
  rm -f "$work"/{export,import,docker-export,docker-import}
  rm -rf "$LARDER_STORE"
  "$larder" load -q -i "$archive" >/dev/null 2>&1 || continue
  image=$("$larder" images --format '{{.Repository}}:{{.Tag}}' | head -n 1)
  [ "$("$larder" images -q | wc -l)" = 1 ] || continue # one image an archive is enough
  empty_engine
  container=
  docker load -q -i "$archive" >/dev/null 2>&1 && container=$(docker create "$image")
  for _ in $(seq "$runs"); do
    timed export "$larder" export -o "$work/larder.tar" "$image"
    timed import "$larder" --store "$work/flat" import "$work/larder.tar" flat:1
    rm -rf "$work/flat"
    [ -n "$container" ] || continue
    timed docker-export docker export -o "$work/docker.tar" "$container"
    timed docker-import docker import "$work/docker.tar" flat:1
    docker rmi -f flat:1 >/dev/null
  done
  row=("$(basename "$archive")" "$(tar -tf "$work/larder.tar" | wc -l)" "$(megabytes "$(stat -c %s "$work/larder.tar")")")
  for verb in export import; do
    row+=("$(seconds "$verb")" "$(peak "$verb")")
    if [ -n "$container" ]; then
      row+=("$(seconds "docker-$verb")" "$(ratio "$(seconds "$verb")" "$(seconds "docker-$verb")")")
    else
      row+=("-" "-")
    fi
  done
  [ -z "$container" ] || docker rm "$container" >/dev/null
  (IFS='|'; echo "|${row[*]}|")
done
