package main

import "sync"

// newLeak keeps LEAK_BYTES (1048576) of memory at every request that FAULT=oom strikes, or that comes to a pod
// whose state is leaky.
//
// The kernel kills the container at its memory limit (OOMKilled). Restarted it starts small again: a
// restart buys time, more memory buys more of it, and only a version or a state without the leak heals.
func newLeak(f fault, own *state) (trouble, error) {
	size, err := wholeFrom("LEAK_BYTES", "1048576")
	if err != nil {
		return nil, err
	}
	var mutex sync.Mutex
	var kept [][]byte
	return func() (int, string) {
		if !f.strikes("oom") && (own == nil || !own.isLeaky.Load()) {
			return 0, ""
		}
		block := make([]byte, size)
		for place := 0; place < len(block); place += 1024 {
			block[place] = 1 // A page that was never written takes no memory.
		}
		mutex.Lock()
		defer mutex.Unlock()
		kept = append(kept, block)
		return 0, ""
	}, nil
}
