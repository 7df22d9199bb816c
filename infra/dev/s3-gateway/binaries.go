//go:build binaries

// Package binaries pins versitygw.
package binaries

import _ "github.com/versity/versitygw/cmd/versitygw"
