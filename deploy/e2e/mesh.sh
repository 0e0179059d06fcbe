#!/usr/bin/env bash
# Builds Istio's discovery and Envoy Gateway into .local/mesh, from the Go module proxy alone: half an hour of one core, once.
# Istio's module asks for pre-releases of its API that are not to be had: the releases of the same number stand in.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly ISTIO=1.29.2 GATEWAY=v1.9.1
out=$PWD/.local/mesh
mkdir -p "$out"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod

# build MODULE@VERSION PACKAGE [EDIT...]: the program of a copy of the module.
build() {
	local module=$1 package=$2 name
	name=$(basename "$package")
	shift 2
	[[ -x $out/$name ]] && return
	cp -r "$(go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')" "$work/$name"
	chmod -R u+w "$work/$name"
	(
		cd "$work/$name"
		(($# == 0)) || go mod edit "$@"
		go build -trimpath -ldflags '-s -w' -o "$out/$name.part" "$package"
	)
	mv "$out/$name.part" "$out/$name"
}

build "istio.io/istio@$ISTIO" ./pilot/cmd/pilot-discovery -replace "istio.io/api=istio.io/api@v$ISTIO" -replace "istio.io/client-go=istio.io/client-go@v$ISTIO"
build "github.com/envoyproxy/gateway@$GATEWAY" ./cmd/envoy-gateway
