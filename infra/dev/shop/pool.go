package main

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pool lets so many requests be served at once, each for a fixed time; the others queue, and give up with 503.
//
// Environment: POOL_SIZE; POOL_SERVICE_S (0.1) and POOL_PATIENCE_S (1). A pod serves POOL_SIZE /
// POOL_SERVICE_S requests per second: beyond it, only more pods help.
type pool struct {
	slots    chan struct{}
	busy     atomic.Int64
	service  time.Duration
	patience time.Duration
	usage    usage
}

func newPool(metrics prometheus.Registerer) (trouble, error) {
	if fromEnvironment("POOL_SIZE", "") == "" {
		return nil, nil
	}
	size, err := wholeFrom("POOL_SIZE", "")
	if err != nil {
		return nil, err
	}
	p := &pool{slots: make(chan struct{}, size)}
	if p.service, err = secondsFrom("POOL_SERVICE_S", "0.1"); err != nil {
		return nil, err
	}
	if p.patience, err = secondsFrom("POOL_PATIENCE_S", "1"); err != nil {
		return nil, err
	}
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_utilization", Help: "Share of the pool that was busy in the last seconds, 0 to 1.",
	}, p.usage.mean))
	go func() {
		for range time.Tick(usageInterval) {
			p.usage.add(float64(p.busy.Load()) / float64(size))
		}
	}()
	return p.serve, nil
}

func (p *pool) serve() (int, string) {
	patience := time.NewTimer(p.patience)
	defer patience.Stop()
	select {
	case p.slots <- struct{}{}:
	case <-patience.C:
		return http.StatusServiceUnavailable, "too many customers"
	}
	p.busy.Add(1)
	defer func() { p.busy.Add(-1); <-p.slots }()
	time.Sleep(p.service)
	return 0, ""
}
