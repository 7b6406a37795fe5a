package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A log is JSON by lines: first what was asked, then one finished round per
// line. A round that was interrupted is not in it, nor is half a line at its
// end believed. It is only gone on with by the same engines and threads, since
// rounds of different ones do not belong beside each other.

// heading is the first line of a log.
type heading struct {
	Version int      `json:"version"`
	Ours    string   `json:"tessera"`
	Prefix  []string `json:"prefix,omitempty"`
	Threads int      `json:"threads"`
	Peers   []peer   `json:"peers"`
}

const logVersion = 1

// roundLog appends rounds; a nil file keeps none.
type roundLog struct{ f *os.File }

// openLog opens the log, if there is to be one, and reads the rounds it has.
func openLog(o *options) (*roundLog, []round, error) {
	if o.log == "" {
		return &roundLog{}, nil, nil
	}
	f, err := os.OpenFile(o.log, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, err
	}
	want, err := json.Marshal(heading{logVersion, o.ours, o.prefix, o.threads, o.peers})
	if err != nil {
		return nil, nil, err
	}
	done, size, err := readLog(f, string(want))
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err == nil && size == 0 {
		_, err = fmt.Fprintf(f, "%s\n", want)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("log %s: %w", o.log, err)
	}
	return &roundLog{f}, done, nil
}

// readLog returns the rounds of whole lines and where they end.
func readLog(f io.Reader, head string) (done []round, size int64, err error) {
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return done, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if n == 1 {
			if line != head+"\n" {
				return nil, 0, fmt.Errorf("it belongs to other engines or threads:\n%swant\n%s\ngive another -log", line, head)
			}
		} else {
			var x round
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				return nil, 0, fmt.Errorf("line %d: %w", n, err)
			}
			for _, t := range x.Engines {
				if t.Error == "" && len(t.Speeds) != len(x.Tests) {
					return nil, 0, fmt.Errorf("line %d: %d speeds of %s, want %d", n, len(t.Speeds), t.Engine, len(x.Tests))
				}
			}
			done = append(done, x)
		}
		size += int64(len(line))
	}
}

func (l *roundLog) write(r *round) error {
	if l.f == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = l.f.Write(append(line, '\n'))
	return err
}

func (l *roundLog) close() {
	if l.f != nil {
		l.f.Close()
	}
}

// findRound is the round of a group that the log has; nil when it has none.
func findRound(done []round, g *group, at int) *round {
	for i := range done {
		r := &done[i]
		if r.Model == g.name() && r.KV == g.KV && r.Depth == g.Depth && r.Round == at &&
			slices.EqualFunc(r.Tests, g.tests, func(s string, t test) bool { return s == t.String() }) {
			return r
		}
	}
	return nil
}
