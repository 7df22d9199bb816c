//go:build binaries

// Package binaries pins the programs of a small Kubernetes, so that one `go build` makes them all.
//
// k8s.io/kubernetes cannot be `go install`ed: its go.mod replaces every staging module by a folder.
// This module replaces them by the published module of the same release instead.
package binaries

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
