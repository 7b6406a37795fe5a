package lineedit

import (
	"os"

	"golang.org/x/sys/windows"
)

// notifyResize never tells: the size is asked for at every key.
func notifyResize() (<-chan os.Signal, func()) { return nil, func() {} }

// enableOutput makes a console understand escape sequences.
func enableOutput(out *os.File) error {
	h := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return err
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
}

// stopProcess has no counterpart.
func stopProcess() {}
