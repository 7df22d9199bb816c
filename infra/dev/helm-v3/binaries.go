//go:build binaries

// Package binaries pins Helm.
package binaries

import _ "helm.sh/helm/v3/cmd/helm"
