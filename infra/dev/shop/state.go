package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
)

// state is a folder of the pod's own (an emptyDir), which containers that are restarted find as it was.
//
// Environment: STATE_FOLDER. `POST /corrupt` spoils it and ends the process; from then on every start ends
// at once. After `POST /leak`, every request leaks memory, as under FAULT=oom. A new pod has a new folder:
// deleting the pod heals it, and restarting the container does not.
type state struct {
	folder  string
	isLeaky atomic.Bool
}

// The marks that spoil a state.
const (
	corruptMark = "corrupt"
	leakyMark   = "leaky"
)

func stateFromEnvironment() (*state, error) {
	folder := fromEnvironment("STATE_FOLDER", "")
	if folder == "" {
		return nil, nil
	}
	s := &state{folder: folder}
	if s.has(corruptMark) {
		return nil, fmt.Errorf("the state in %s is corrupt", folder)
	}
	s.isLeaky.Store(s.has(leakyMark))
	return s, nil
}

func (s *state) has(mark string) bool {
	_, err := os.Stat(filepath.Join(s.folder, mark))
	return err == nil
}

func (s *state) put(mark string) error {
	return os.WriteFile(filepath.Join(s.folder, mark), nil, 0o644)
}

// corrupt spoils the state and ends the process without an answer.
func (s *state) corrupt(w http.ResponseWriter, _ *http.Request) {
	if err := s.put(corruptMark); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(os.Stderr, "shop: corrupt as asked")
	os.Exit(1)
}

// leak makes every request leak from now on.
func (s *state) leak(w http.ResponseWriter, _ *http.Request) {
	if err := s.put(leakyMark); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.isLeaky.Store(true)
}
