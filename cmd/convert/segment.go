package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/convert"
)

func segmentCommand() *cli.Command {
	return &cli.Command{
		Name:      "segment",
		Usage:     "cut a bundle's decoder elsewhere",
		ArgsUsage: "BUNDLE -o BUNDLE --decoder-parts N",
		Description: `Weights are copied as they are; only graphs change: what spans a new cut is
expanded, what an old cut kept apart is fused.

  tessera segment model.tess -o model-3.tess --decoder-parts 3`,
		Flags: []cli.Flag{outputFlag, partsFlag, &cli.BoolFlag{Name: "force", Usage: "replace a bundle that stands at the output"}},
		Action: func(c *cli.Context) error {
			path, err := oneArg(c, "a bundle")
			if err != nil {
				return err
			}
			if c.String("o") == "" {
				return usage(c, "no output: say -o BUNDLE")
			}
			r, err := convert.Recut(c.Context, path, c.String("o"), c.Int("decoder-parts"), c.Bool("force"))
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d segments, %s\n", c.String("o"), r.Segments, progress.Bytes(r.Bytes))
			return nil
		},
	}
}
