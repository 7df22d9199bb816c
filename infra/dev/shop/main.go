// Command shop is a small web service that can fall ill on request.
//
//	shop                 serve on $PORT
//	shop load ...        send requests to addresses and count the answers by status
//
// Environment of the service: PORT (8080), VERSION, FAULT (none, errors, latency, crash, silent),
// FAULT_RATIO (0 to 1, the share of requests that `errors` and `latency` strike; 1 by default) and
// CRASH_AFTER_S (5, the seconds after which `crash` ends the process).
package main

import (
	"fmt"
	"os"
)

func main() {
	run := serve
	if len(os.Args) > 1 && os.Args[1] == "load" {
		run = func() error { return load(os.Args[2:]) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}
