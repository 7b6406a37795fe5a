package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// output runs an engine within the limit and returns its standard output.
func (o *options) output(ctx context.Context, command ...string) ([]byte, error) {
	out, _, err := o.outputs(ctx, command...)
	return out, err
}

// outputs returns what the engine wrote to standard error too. It runs in a
// folder of its own, which is removed: some leave log files.
func (o *options) outputs(ctx context.Context, command ...string) (stdout, stderr []byte, err error) {
	dir, err := os.MkdirTemp("", "benchpeer")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	command = slices.Concat(o.prefix, command)
	cmd := exec.CommandContext(limited, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	stopWhole(cmd)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case limited.Err() != nil:
		return nil, nil, fmt.Errorf("stopped after %v", o.limit)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %s", err, lastLine(errs.String()))
	}
	return out, errs.Bytes(), nil
}

// lastLine is the last line that says something.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

var errNotReported = errors.New("its output does not have the test")
