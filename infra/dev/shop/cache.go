package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
)

// cache is a folder, shared by all pods of a node, that every request fills a little more.
//
// Environment: CACHE_FOLDER; CACHE_GENERATION (1), CACHE_BYTES (1048576) and CACHE_ENTRY_BYTES (4096).
// When it is full, requests fail with 500, also after a restart: only another generation starts empty. Its
// pods remove what other generations left.
type cache struct {
	folder  string
	bytes   int64
	entry   []byte
	entries string
}

func newCache(metrics prometheus.Registerer) (trouble, error) {
	folder := fromEnvironment("CACHE_FOLDER", "")
	if folder == "" {
		return nil, nil
	}
	most, err := wholeFrom("CACHE_BYTES", "1048576")
	if err != nil {
		return nil, err
	}
	size, err := wholeFrom("CACHE_ENTRY_BYTES", "4096")
	if err != nil {
		return nil, err
	}
	generation := "generation-" + fromEnvironment("CACHE_GENERATION", "1")
	c := cache{
		folder: folder, bytes: most, entry: make([]byte, size),
		entries: filepath.Join(folder, generation),
	}
	if err := c.removeOthers(generation); err != nil {
		return nil, err
	}
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_cache_fill_ratio", Help: "Share of the cache that is filled, 0 to 1.",
	}, c.fillRatio))
	return c.remember, nil
}

func (c cache) removeOthers(generation string) error {
	found, err := filepath.Glob(filepath.Join(c.folder, "generation-*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if filepath.Base(path) == generation {
			continue
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// size returns the bytes that are cached.
func (c cache) size() int64 {
	information, err := os.Stat(c.entries)
	if err != nil {
		return 0
	}
	return information.Size()
}

func (c cache) fillRatio() float64 {
	return min(float64(c.size())/float64(c.bytes), 1)
}

// remember adds an entry for this request.
func (c cache) remember() (int, string) {
	if c.size() >= c.bytes {
		return http.StatusInternalServerError, "the cache is full"
	}
	// Pods append to the same file: the kernel keeps their entries apart.
	file, err := os.OpenFile(c.entries, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return http.StatusInternalServerError, fmt.Sprint("the cache cannot be written: ", err)
	}
	defer file.Close()
	if _, err := file.Write(c.entry); err != nil {
		return http.StatusInternalServerError, fmt.Sprint("the cache cannot be written: ", err)
	}
	return 0, ""
}
