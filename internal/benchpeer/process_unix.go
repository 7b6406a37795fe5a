//go:build unix

package main

import (
	"os/exec"

	"golang.org/x/sys/unix"
)

// stopWhole makes cmd and everything it starts end together: a -prefix may not
// pass a signal on.
func stopWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
}
