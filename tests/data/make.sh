#!/usr/bin/env bash
# Makes the archives of this directory anew, with a real Docker engine and skopeo.
#
#   make.sh [OUT_DIR]        default: the directory of this script
#
# Needs root and Debian's docker.io and skopeo; fetches Debian's busybox-static
# with apt-get unless there is a static `busybox` in $BUSYBOX. Starts an engine of
# its own on a private socket and stops it at the end. Times and therefore digests
# differ from run to run: nothing in the tests names one.
set -euo pipefail
out=$(cd "${1:-$(dirname "$0")}" && pwd)
for tool in dockerd docker skopeo; do
  command -v "$tool" >/dev/null || { echo "make.sh: $tool is missing: apt-get install docker.io skopeo" >&2; exit 1; }
done

work=$(mktemp -d)
sock=unix://$work/engine.sock
engine=
stop() {
  [ -z "$engine" ] || { kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; }
  umount "$work/exec/netns/default" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

busybox=${BUSYBOX:-}
if [ -z "$busybox" ]; then
  (cd "$work" && apt-get -qq download busybox-static && dpkg -x busybox-static_*.deb busybox-static)
  busybox=$(find "$work/busybox-static" -name busybox -type f -perm -u+x | head -n 1)
fi

dockerd --data-root "$work/data" --exec-root "$work/exec" -H "$sock" -p "$work/engine.pid" \
  --iptables=false --bridge=none >"$work/engine.log" 2>&1 &
engine=$!
export DOCKER_HOST=$sock DOCKER_BUILDKIT=0
for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
docker info >/dev/null

# Layer 1, and two entries of the history that make no layer.
tree=$work/base/tree
mkdir -p "$tree/etc" "$tree/srv/old/deep" "$tree/bb"
printf 'greeter:x:1000:1000::/srv:/bin/false\n' >"$tree/etc/passwd"
printf 'hello\n' >"$tree/srv/greeting"
printf 'to be deleted\n' >"$tree/srv/doomed"
printf 'to be hidden\n' >"$tree/srv/old/a"
printf 'to be hidden too\n' >"$tree/srv/old/deep/b"
seq 1 4000 >"$tree/srv/numbers"
ln "$tree/srv/numbers" "$tree/srv/same-numbers"
ln -s ../etc/passwd "$tree/srv/users"
cat >"$work/base/Dockerfile" <<'D'
FROM scratch
COPY tree /
ENV GREETING=hello LANG=C.UTF-8
CMD ["/srv/greet"]
D
docker build -q --network none -t greeter:base "$work/base" >/dev/null

# Layer 2: a file deleted, a directory replaced, a hard link, odd names, a device.
# busybox is mounted, not copied: it would be nine tenths of the archive.
docker run --name change --network none -v "$(dirname "$busybox"):/bb:ro" greeter:base /bb/busybox sh -c '
  set -e; bb=/bb/busybox
  $bb rm /srv/doomed
  $bb rm -rf /srv/old && $bb mkdir /srv/old && echo new >/srv/old/c
  $bb ln /srv/greeting /srv/greeting-too
  $bb mkdir -p "/srv/a name with spaces/and/ünïcödé" && echo deep >"/srv/a name with spaces/and/ünïcödé/文件"
  $bb mkfifo /srv/fifo && $bb mknod /srv/null c 1 3
  $bb chmod 4755 /srv/greeting && $bb chown 1000:1000 /srv/users -h
'
docker commit -m 'change things' -c 'WORKDIR /srv' change greeter:changed >/dev/null
docker rm change >/dev/null

# Layers 3 to 5, between two more that are empty. The last is the third once
# more: the engine writes it as a symlink to the first one's layer.tar.
mkdir "$work/top"
printf '#!/bb/busybox sh\necho "$GREETING, world"\n' >"$work/top/greet"
echo same >"$work/top/marker"
cat >"$work/top/Dockerfile" <<'D'
FROM greeter:changed
LABEL org.opencontainers.image.title=greeter
COPY marker /
COPY greet /srv/greet
COPY marker /
EXPOSE 8080
ENTRYPOINT []
D
docker build -q --network none -t greeter:1.0 "$work/top" >/dev/null
docker tag greeter:1.0 greeter:latest

rm -rf "$out/greeter.tar" "$out/greeter.oci.tar" "$out/greeter.dir"
docker save -o "$work/greeter.tar" greeter:1.0 greeter:latest
skopeo copy -q "docker-archive:$work/greeter.tar:greeter:1.0" "oci-archive:$work/greeter.oci.tar:greeter:1.0"
skopeo copy -q --dest-compress "docker-archive:$work/greeter.tar:greeter:1.0" "dir:$work/greeter.dir"
install -m 0644 "$work/greeter.tar" "$work/greeter.oci.tar" "$out"
mkdir "$out/greeter.dir" && install -m 0644 "$work/greeter.dir"/* "$out/greeter.dir"
ls -l "$out" "$out/greeter.dir"
