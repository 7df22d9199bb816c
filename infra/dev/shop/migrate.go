package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// migrate brings the data in SCHEMA_FOLDER to SCHEMA.
//
// Environment: MIGRATION_S (1), how long it takes; MIGRATION_BLOCKED: it fails while that is "true";
// MIGRATION_FAILS_FIRST: the first run on this folder fails when that is "true". A run that finds another
// one under way fails with "ran twice at once", and adds a line to the file `overlaps`; every other run adds
// one to the file `runs`.
func migrate() error {
	s := schemaFromEnvironment()
	if s.folder == "" {
		return errors.New("SCHEMA_FOLDER is not set, expected the folder of the data")
	}
	lasts, err := secondsFrom("MIGRATION_S", "1")
	if err != nil {
		return err
	}
	// The kernel lets go of it when a run is killed, so that none stays in the next one's way.
	lock, err := os.OpenFile(filepath.Join(s.folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(errors.New("ran twice at once"), note(s.folder, "overlaps"))
	}
	_, missing := os.Stat(filepath.Join(s.folder, "runs"))
	isFirst := os.IsNotExist(missing)
	if err := note(s.folder, "runs"); err != nil {
		return err
	}
	fmt.Printf("migrating from schema %s to %s\n", s.seen(), s.needed)
	time.Sleep(lasts)
	if fromEnvironment("MIGRATION_BLOCKED", "") == "true" {
		return errors.New("the table is locked by somebody else")
	}
	if isFirst && fromEnvironment("MIGRATION_FAILS_FIRST", "") == "true" {
		return errors.New("the connection was lost")
	}
	if err := s.write(); err != nil {
		return err
	}
	fmt.Printf("migrated to schema %s\n", s.needed)
	return nil
}

// note adds a line to a file of the folder.
func note(folder, name string) error {
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintln(file, fromEnvironment("HOSTNAME", "somebody"))
	return err
}
