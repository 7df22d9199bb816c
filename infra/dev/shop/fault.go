package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// fault says how the service misbehaves.
type fault struct {
	kind       string
	ratio      float64
	crashAfter time.Duration
}

func faultFromEnvironment() (fault, error) {
	f := fault{kind: fromEnvironment("FAULT", "none")}
	switch f.kind {
	case "none", "errors", "latency", "crash", "silent":
	default:
		return f, fmt.Errorf("FAULT is %q, expected none, errors, latency, crash or silent", f.kind)
	}
	ratio := fromEnvironment("FAULT_RATIO", "1")
	var err error
	if f.ratio, err = strconv.ParseFloat(ratio, 64); err != nil || f.ratio < 0 || f.ratio > 1 {
		return f, fmt.Errorf("FAULT_RATIO is %q, expected a number from 0 to 1", ratio)
	}
	after := fromEnvironment("CRASH_AFTER_S", "5")
	seconds, err := strconv.ParseFloat(after, 64)
	if err != nil || seconds < 0 {
		return f, fmt.Errorf("CRASH_AFTER_S is %q, expected seconds", after)
	}
	f.crashAfter = time.Duration(seconds * float64(time.Second))
	return f, nil
}

// strikes tells whether this request meets a fault of that kind.
func (f fault) strikes(kind string) bool {
	return f.kind == kind && rand.Float64() < f.ratio
}

func fromEnvironment(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
