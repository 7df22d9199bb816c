package main

import (
	"os"
	"strings"
	"time"
)

// How often a file of targets is read.
const targetsAge = 200 * time.Millisecond

// targets are the URLs that load is sent to: given once, or the lines of a file as they are now.
type targets struct {
	file string
	urls []string
	read time.Time
}

func newTargets(given, file string) *targets {
	if file != "" {
		return &targets{file: file}
	}
	return &targets{urls: strings.Split(given, ",")}
}

// now returns the targets of this moment; those read last while the file cannot be read.
func (t *targets) now() []string {
	if t.file == "" || time.Since(t.read) < targetsAge {
		return t.urls
	}
	t.read = time.Now()
	if content, err := os.ReadFile(t.file); err == nil {
		t.urls = strings.Fields(string(content))
	}
	return t.urls
}
