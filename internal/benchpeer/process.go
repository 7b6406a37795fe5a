package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// output runs an engine within the limit and returns its standard output. It
// runs in a folder of its own, which is removed: some leave log files.
func (o *options) output(ctx context.Context, command ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "benchpeer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	command = slices.Concat(o.prefix, command)
	cmd := exec.CommandContext(limited, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	stopWhole(cmd)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("stopped after %v", o.limit)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, lastLine(errs.String()))
	}
	return out, nil
}

// lastLine is the last line that says something.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

var errNotReported = errors.New("its output does not have the test")
