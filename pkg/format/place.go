package format

import "os"

// exchangeByRename moves the old folder aside and the new one in. A kill
// between the two leaves the old bundle whole under its name with ".old".
func exchangeByRename(tmp, path string) (old string, err error) {
	old = path + ".old"
	if err := os.Rename(path, old); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Rename(old, path)
		return "", err
	}
	return old, nil
}
