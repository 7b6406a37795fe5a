package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// peer is another engine, or one mode of it.
type peer struct {
	Name  string   `json:"name"`
	Bench []string `json:"bench"`           // its llama-bench
	Sweep []string `json:"sweep,omitempty"` // its llama-sweep-bench; empty: llama-bench has -d
}

// engine is the name without the mode.
func (p *peer) engine() string {
	name, _, _ := strings.Cut(p.Name, "/")
	return name
}

// peers is the flag -peer.
type peers []peer

func (p *peers) String() string { return "" }

func (p *peers) Set(s string) error {
	name, command, err := named(s)
	if err != nil {
		return err
	}
	if name == oursName || slices.ContainsFunc(*p, func(o peer) bool { return o.Name == name }) {
		return fmt.Errorf("%q stands for another engine already", name)
	}
	*p = append(*p, peer{Name: name, Bench: command})
	return nil
}

// sweeps is the flag -sweep; it follows the -peer that it belongs to.
type sweeps struct{ peers *peers }

func (s sweeps) String() string { return "" }

func (s sweeps) Set(text string) error {
	name, command, err := named(text)
	if err != nil {
		return err
	}
	for i := range *s.peers {
		if p := &(*s.peers)[i]; p.Name == name {
			p.Sweep = command
			return nil
		}
	}
	return fmt.Errorf("no -peer %s before it", name)
}

// named reads "name=/path/program arguments".
func named(s string) (name string, command []string, err error) {
	name, rest, ok := strings.Cut(s, "=")
	command = strings.Fields(rest)
	if !ok || name == "" || len(command) == 0 {
		return "", nil, fmt.Errorf("%.60q, want name=/path/program [arguments]", s)
	}
	if strings.ContainsRune(command[0], filepath.Separator) {
		command[0], err = filepath.Abs(command[0])
	}
	return name, command, err
}
