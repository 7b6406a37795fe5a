package format

import (
	"fmt"
	"os"
)

// exchangeByRename moves the old folder aside and the new one in. A kill
// between the two leaves the old bundle whole under its name with ".old".
func exchangeByRename(tmp, path string) (old string, err error) {
	old = path + ".old"
	for i := 2; ; i++ {
		if _, err := os.Lstat(old); os.IsNotExist(err) {
			break
		}
		old = fmt.Sprintf("%s.old%d", path, i)
	}
	if err := os.Rename(path, old); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Rename(old, path)
		return "", err
	}
	return old, nil
}
