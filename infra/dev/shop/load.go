package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Bounds that a mistaken command line cannot leave.
const (
	rateMax    = 1000
	secondsMax = 600
	underWay   = 256
)

// load sends requests at a steady rate, to the targets in turn, and prints the counts as JSON.
//
// With -from, the targets are the lines of a file, which is read again and again: pods come and go. While it
// holds none, requests are skipped.
//
// Its output: {"sent", "failed" (no answer at all), "skipped" (too many under way, or no target), "by_status",
// "by_version", "by_target"}.
func load(arguments []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	targets := flags.String("target", "", "URLs to send to in turn, separated by commas")
	from := flags.String("from", "", "or a file of them, one a line")
	rate := flags.Float64("rate", 20, "requests per second over all targets, at most 1000")
	seconds := flags.Float64("seconds", 10, "how long, at most 600")
	_ = flags.Parse(arguments)
	if (*targets == "") == (*from == "") || *rate <= 0 || *rate > rateMax || *seconds <= 0 || *seconds > secondsMax {
		return errors.New("expected load --target URL[,URL] or --from FILE, --rate up to 1000, --seconds up to 600")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*seconds*float64(time.Second)))
	defer cancel()

	result := newCounts()
	known := newTargets(*targets, *from)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: underWay}}
	slots := make(chan struct{}, underWay)
	var running sync.WaitGroup
	ticker := time.NewTicker(time.Duration(float64(time.Second) / *rate))
	defer ticker.Stop()
	for number := 0; ; number++ {
		select {
		case <-ctx.Done():
			running.Wait()
			return json.NewEncoder(os.Stdout).Encode(result)
		case <-ticker.C:
		}
		select {
		case slots <- struct{}{}:
		default:
			// An open loop must not pile up behind a target that hangs.
			result.add(func(c *counts) { c.Skipped++ })
			continue
		}
		urls := known.now()
		if len(urls) == 0 {
			<-slots
			result.add(func(c *counts) { c.Skipped++ })
			continue
		}
		url := urls[number%len(urls)]
		running.Add(1)
		go func() {
			defer func() { <-slots; running.Done() }()
			send(client, url, result)
		}()
	}
}

func send(client *http.Client, url string, result *counts) {
	response, err := client.Get(url)
	if err != nil {
		result.add(func(c *counts) { c.Sent++; c.Failed++ })
		fmt.Fprintln(os.Stderr, "shop load:", err)
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	result.add(func(c *counts) {
		c.Sent++
		c.ByStatus[strconv.Itoa(response.StatusCode)]++
		c.ByVersion[response.Header.Get("X-Version")]++
		c.ByTarget[url]++
	})
}

type counts struct {
	mutex     sync.Mutex
	Sent      int            `json:"sent"`
	Failed    int            `json:"failed"`
	Skipped   int            `json:"skipped"`
	ByStatus  map[string]int `json:"by_status"`
	ByVersion map[string]int `json:"by_version"`
	ByTarget  map[string]int `json:"by_target"`
}

func newCounts() *counts {
	return &counts{ByStatus: map[string]int{}, ByVersion: map[string]int{}, ByTarget: map[string]int{}}
}

func (c *counts) add(change func(*counts)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	change(c)
}
