// Package disk tells how much room a file system has, and replaces files whole.
package disk

import (
	"os"
	"path/filepath"
)

// Free is the number of bytes an ordinary user may still write where path is
// or would be.
func Free(path string) (int64, error) {
	for {
		if _, err := os.Stat(path); err == nil {
			return free(path)
		}
		up := filepath.Dir(path)
		if up == path {
			return free(path)
		}
		path = up
	}
}
