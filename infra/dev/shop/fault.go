package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// fault says how a version misbehaves by itself.
type fault struct {
	kind       string
	ratio      float64
	crashAfter time.Duration
}

func faultFromEnvironment() (fault, error) {
	f := fault{kind: fromEnvironment("FAULT", "none")}
	switch f.kind {
	case "none", "errors", "latency", "crash", "silent", "oom":
	default:
		return f, fmt.Errorf("FAULT is %q, expected none, errors, latency, crash, silent or oom", f.kind)
	}
	ratio := fromEnvironment("FAULT_RATIO", "1")
	var err error
	if f.ratio, err = strconv.ParseFloat(ratio, 64); err != nil || f.ratio < 0 || f.ratio > 1 {
		return f, fmt.Errorf("FAULT_RATIO is %q, expected a number from 0 to 1", ratio)
	}
	if f.crashAfter, err = secondsFrom("CRASH_AFTER_S", "5"); err != nil {
		return f, err
	}
	return f, nil
}

// strikes tells whether this request meets a fault of that kind.
func (f fault) strikes(kind string) bool {
	return f.kind == kind && rand.Float64() < f.ratio
}
