package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// OpenTelemetry's advice for http.server.request.duration, in seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

type shop struct {
	version  string
	fault    fault
	troubles []trouble
	duration *prometheus.HistogramVec
}

func serve() error {
	f, err := faultFromEnvironment()
	if err != nil {
		return err
	}
	own, err := stateFromEnvironment()
	if err != nil {
		return err
	}
	s := shop{version: fromEnvironment("VERSION", "unknown"), fault: f}
	registry := prometheus.NewRegistry()
	s.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "Duration of HTTP server requests.",
		Buckets: buckets,
	}, []string{"http_request_method", "http_response_status_code", "http_route"})
	information := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "shop_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": s.version},
	})
	information.Set(1)
	registry.MustRegister(
		s.duration, information,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector(),
	)

	if s.troubles, err = troubles(f, own, registry); err != nil {
		return err
	}

	routes := http.NewServeMux()
	routes.Handle("GET /{$}", s.measured("/", s.home))
	routes.Handle("GET /healthz", s.measured("/healthz", func() (int, string) { return http.StatusOK, "ok" }))
	if f.kind != "silent" {
		routes.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	}
	if own != nil {
		routes.HandleFunc("POST /corrupt", own.corrupt)
		routes.HandleFunc("POST /leak", own.leak)
	}
	return s.listen(routes)
}

// listen serves until the process is asked to end, then lets the requests under way finish.
func (s shop) listen(routes http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if s.fault.kind == "crash" {
		time.AfterFunc(s.fault.crashAfter, func() {
			fmt.Fprintln(os.Stderr, "shop: crashing as asked")
			os.Exit(1)
		})
	}
	server := &http.Server{
		Addr: ":" + fromEnvironment("PORT", "8080"), Handler: routes, ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// home answers a customer: some 5 ms of work, more and worse when a fault strikes or a trouble is met.
func (s shop) home() (int, string) {
	time.Sleep(3*time.Millisecond + rand.N(4*time.Millisecond))
	for _, meet := range s.troubles {
		if status, text := meet(); status != 0 {
			return status, text
		}
	}
	if s.fault.strikes("latency") {
		time.Sleep(200 * time.Millisecond)
	}
	if s.fault.strikes("errors") {
		return http.StatusInternalServerError, "out of order"
	}
	return http.StatusOK, "welcome to shop " + s.version
}

func (s shop) measured(route string, answer func() (int, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		status, body := answer()
		w.Header().Set("X-Version", s.version)
		w.WriteHeader(status)
		fmt.Fprintln(w, body)
		s.duration.WithLabelValues(r.Method, strconv.Itoa(status), route).Observe(time.Since(began).Seconds())
	})
}
