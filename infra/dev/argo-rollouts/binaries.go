//go:build binaries

// Package binaries pins the Argo Rollouts controller.
//
// The replacements of its go.mod are repeated in ours, because Go heeds those of the main module alone.
package binaries

import _ "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"
