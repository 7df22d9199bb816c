package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// schema is the version of the data in a folder that the pods of a node share; a stand-in for a database's.
//
// Environment: SCHEMA_FOLDER; SCHEMA (1), which a pod needs and `shop migrate` brings about. A pod that needs
// another one answers 500.
type schema struct {
	folder string
	needed string
}

func schemaFromEnvironment() schema {
	return schema{folder: fromEnvironment("SCHEMA_FOLDER", ""), needed: fromEnvironment("SCHEMA", "1")}
}

func newSchema(prometheus.Registerer) (trouble, error) {
	s := schemaFromEnvironment()
	if s.folder == "" {
		return nil, nil
	}
	return func() (int, string) {
		if seen := s.seen(); seen != s.needed {
			return http.StatusInternalServerError, fmt.Sprintf("the schema is %s, expected %s", seen, s.needed)
		}
		return 0, ""
	}, nil
}

func (s schema) file() string {
	return filepath.Join(s.folder, "schema")
}

// seen returns the schema that the data have; 1 where nobody wrote one.
func (s schema) seen() string {
	content, err := os.ReadFile(s.file())
	if err != nil {
		return "1"
	}
	return strings.TrimSpace(string(content))
}

// write makes it the needed one, at once or not at all.
func (s schema) write() error {
	draft := s.file() + ".new"
	if err := os.WriteFile(draft, []byte(s.needed+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(draft, s.file())
}
