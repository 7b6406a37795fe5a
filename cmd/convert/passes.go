package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/passes"
)

func passesCommand() *cli.Command {
	return &cli.Command{
		Name:  "passes",
		Usage: "list the rewriting passes in order",
		Description: `  tessera passes
  tessera convert model/ --plan --disable fuse-rope
  tessera convert model/ --plan --dump-after all --dump-dir /tmp/ir`,
		Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if c.Bool("json") {
				type row struct {
					Name     string `json:"name"`
					Doc      string `json:"doc"`
					Exact    bool   `json:"exact"`
					Required bool   `json:"required"`
				}
				var rows []row
				for _, p := range passes.Table() {
					rows = append(rows, row{p.Name, p.Doc, p.Exact, p.Always})
				}
				return json.NewEncoder(os.Stdout).Encode(rows)
			}
			for i, p := range passes.Table() {
				kind := "exact"
				if !p.Exact {
					kind = "changes numbers"
				}
				if p.Always {
					kind += ", required"
				}
				fmt.Printf("%2d  %-22s %-16s %s\n", i+1, p.Name, kind, p.Doc)
			}
			return nil
		},
	}
}
