package main

import (
	"sync"
	"time"
)

// How often a pool's usage is read, and how many readings make its mean: three seconds.
const (
	usageInterval = 50 * time.Millisecond
	usageReadings = 60
)

// usage is the mean of the newest readings.
type usage struct {
	mutex    sync.Mutex
	readings [usageReadings]float64
	next     int
}

func (u *usage) add(reading float64) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.readings[u.next] = reading
	u.next = (u.next + 1) % usageReadings
}

func (u *usage) mean() float64 {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	total := 0.0
	for _, reading := range u.readings {
		total += reading
	}
	return total / usageReadings
}
