package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// state is a folder of the pod's own (an emptyDir), which containers that are restarted find as it was.
//
// Environment: STATE_FOLDER. `POST /corrupt` spoils it and ends the process; from then on every start ends
// at once. A new pod has a new folder: deleting the pod heals it, and restarting the container does not.
type state struct {
	mark string
}

func stateFromEnvironment() (*state, error) {
	folder := fromEnvironment("STATE_FOLDER", "")
	if folder == "" {
		return nil, nil
	}
	s := &state{mark: filepath.Join(folder, "corrupt")}
	if _, err := os.Stat(s.mark); err == nil {
		return nil, fmt.Errorf("the state in %s is corrupt", folder)
	}
	return s, nil
}

// corrupt answers that it will, and ends the process.
func (s *state) corrupt(w http.ResponseWriter, _ *http.Request) {
	if err := os.WriteFile(s.mark, nil, 0o644); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(os.Stderr, "shop: corrupt as asked")
	os.Exit(1)
}
