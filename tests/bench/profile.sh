#!/bin/sh
# Where the CPU time of each command goes, as tables for docs/performance.md.
#
#   tests/bench/profile.sh LARDER CORPUS
#
# LARDER is a release build; CORPUS the archives that tests/bench/src/main.rs tells of.
# Needs perf, and the right to use it.
set -eu

larder=$(realpath "$1")
corpus=$(realpath "$2")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"

# What the functions of a sample are called together. The first that fits.
groups='
/ZSTD_(de|buildSeqTable|buildFSETable)|HUF_(decompress|readDTable|fillDTable)|FSE_readNCount/ { group = "zstd, decompressing" }
/ZSTD|HUF_|HIST_|FSE_/ && !group { group = "zstd, compressing" }
/sha2/ && !group { group = "SHA-256" }
/blake3/ && !group { group = "BLAKE3" }
/fastcdc/ && !group { group = "FastCDC" }
/zlib_rs|inflate/ && !group { group = "inflate" }
/crc32/ && !group { group = "crc32" }
/sled/ && !group { group = "sled" }
/memmove|memcpy|memset|memcmp/ && !group { group = "copies in memory" }
/malloc|free|realloc|unlink_chunk/ && !group { group = "malloc" }
/\[k\]/ && !group { group = "kernel" }
!group { group = "larder and the rest" }'

profile() {
    name=$1
    shift
    perf record -q -F 2500 -o perf.data "$larder" --store "$store" "$@" > out 2> err || { cat err; exit 1; }
    printf '\n**`%s`**\n\n| of the CPU time | in |\n|---:|---|\n' "$name"
    perf report -i perf.data --no-children --stdio -s symbol 2> err |
        awk "/^ *[0-9.]+%/ { group = \"\"; share = \$1; sub(/%/, \"\", share); $(echo "$groups" | sed 's/^\(.*\) { group/if (\1) { group/' | tr '\n' ' ') sum[group] += share }
             END { for (group in sum) if (sum[group] >= 0.5) printf \"| %.0f %% | %s |\n\", sum[group], group }" | sort -t'|' -k2,2nr
}

store=$home/store
profile "load all.tar" load -q -i "$corpus/all.tar"
profile "save app:1.0.0" save -o saved.tar app:1.0.0
profile "export app:1.0.0" export -o exported.tar app:1.0.0
profile "fsck --verify" fsck --verify
profile "optimize" optimize -q
store=$home/import
profile "import rootfs.tar" import "$corpus/rootfs.tar" flat:1
store=$home/oci
profile "load app-1.0.0.oci.tar, gzip layers" load -q -i "$corpus/app-1.0.0.oci.tar"
