package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func fromEnvironment(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// wholeFrom reads a whole number from an environment variable, at least 1.
func wholeFrom(name, fallback string) (int64, error) {
	text := fromEnvironment(name, fallback)
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < 1 {
		return 0, fmt.Errorf("%s is %q, expected a whole number from 1 on", name, text)
	}
	return value, nil
}

// secondsFrom reads a duration in seconds from an environment variable.
func secondsFrom(name, fallback string) (time.Duration, error) {
	text := fromEnvironment(name, fallback)
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < 0 {
		return 0, fmt.Errorf("%s is %q, expected seconds", name, text)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
