#!/bin/sh
# Builds etcd, kube-apiserver, kube-controller-manager and kubectl at the versions pinned in go.mod and etcd/go.mod,
# into a cache outside the checkout. Needs Go >= 1.24; about five minutes on two cores, nothing when they are there.
#
# TIDEGATE_CACHE moves the cache; --force builds again; --where only prints the folder of the binaries.
set -eu
cd "$(dirname "$0")"

version=$(sed -n 's/^require k8s.io\/kubernetes //p' go.mod)
cache=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}
bin=$cache/controlplane/$version/bin
case ${1:-} in
--where) echo "$bin" && exit 0 ;;
--force | '') ;;
*) echo "control-plane: unknown argument '$1'; have --force and --where" >&2 && exit 2 ;;
esac

if ! command -v go >/dev/null 2>&1; then
    echo "control-plane: no go on PATH; install Go 1.24 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that has the binaries" >&2
    exit 2
fi

# The stamp makes `kubectl version` and /version say the pinned version instead of v0.0.0-master.
stamp="-s -w -X k8s.io/component-base/version.gitVersion=$version"
stamp="$stamp -X k8s.io/component-base/version.gitMajor=$(echo "$version" | cut -d. -f1 | tr -d v)"
stamp="$stamp -X k8s.io/component-base/version.gitMinor=$(echo "$version" | cut -d. -f2)"

# build NAME FOLDER PACKAGE: one binary, put in place by a rename, so that an interrupted build leaves nothing half-written.
build() {
    if [ -x "$bin/$1" ] && [ "${force:-}" = "" ]; then
        echo "control-plane: have $bin/$1"
        return
    fi
    echo "control-plane: building $1 $version"
    (cd "$2" && CGO_ENABLED=0 GOFLAGS="-trimpath -mod=readonly" go build -buildvcs=false -ldflags "$stamp" -o "$bin/.$1.new" "$3")
    mv "$bin/.$1.new" "$bin/$1"
}

[ "${1:-}" = --force ] && force=1
mkdir -p "$bin"
build etcd etcd .
build kubectl . k8s.io/kubernetes/cmd/kubectl
build kube-apiserver . k8s.io/kubernetes/cmd/kube-apiserver
build kube-controller-manager . k8s.io/kubernetes/cmd/kube-controller-manager
echo "control-plane: ready in $bin"
