#!/bin/bash
# wrap.sh VERSION: writes the wrapper module of a Kubernetes release (such as 1.36.3) into the folder of its minor version.
# Kubernetes has replaces in its go.mod, so `go install` refuses it: the wrapper has them instead, with the same release of
# everything in upstream's staging area, and upstream's own Go language version and GODEBUG.
set -euo pipefail
version=${1:?give a release of Kubernetes, such as 1.36.3}
export GOTOOLCHAIN=local GOFLAGS= GOWORK=off
cd "$(dirname "$0")"
mkdir -p "${version%.*}"
cd "${version%.*}"
rm -f go.mod go.sum
go mod init watchkeeper.dev/localcluster/kube
upstream=$(go mod download -json "k8s.io/kubernetes@v$version" | python3 -c 'import json, sys; print(json.load(sys.stdin)["GoMod"])')
go mod edit -json "$upstream" | VERSION=$version python3 -c '
import json, os, sys
upstream = json.load(sys.stdin)
release = "v0." + os.environ["VERSION"].partition(".")[2]
for one in upstream["Replace"]:
    if one["New"]["Path"].startswith("./staging/"):
        print("-replace=" + one["Old"]["Path"] + "=" + one["Old"]["Path"] + "@" + release)
for one in upstream.get("GoDebug", []):
    print("-godebug=" + one["Key"] + "=" + one["Value"])
print("-go=" + upstream["Go"])
' | xargs go mod edit
go mod edit -require="k8s.io/kubernetes@v$version"
for program in kube-apiserver kube-controller-manager kubectl; do go mod edit -tool="k8s.io/kubernetes/cmd/$program"; done
go mod tidy
