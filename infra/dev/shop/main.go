// Command shop is a small web service that can fall ill on request.
//
//	shop                 serve on $PORT
//	shop load ...        send requests to addresses and count the answers by status
//	shop migrate         bring the data of a folder to another schema
//
// Environment of the service: PORT (8080), VERSION, FAULT (none, errors, latency, crash, silent, oom),
// FAULT_RATIO (0 to 1, the share of requests that `errors`, `latency` and `oom` strike; 1 by default) and
// CRASH_AFTER_S (5, the seconds after which `crash` ends the process). What beside a bad version may trouble
// it stands in files of their own: leak.go, cache.go, pool.go, state.go, schema.go and migrate.go.
package main

import (
	"fmt"
	"os"
)

func main() {
	run := serve
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "load":
			run = func() error { return load(os.Args[2:]) }
		case "migrate":
			run = migrate
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}
