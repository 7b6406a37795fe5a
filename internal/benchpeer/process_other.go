//go:build !unix

package main

import "os/exec"

// stopWhole leaves cmd as it is: only the process itself is ended.
func stopWhole(*exec.Cmd) {}
