// Command tessera converts language-model checkpoints into bundles of four
// executable segments, proves that every rewrite kept the numbers, and runs
// them.
//
// This package holds one file per subcommand: flags, printing and progress. What a
// server or a Go program would need too stands below it: package tessera, pkg/convert,
// pkg/verify, pkg/dialog, runtime.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

// version is set by the release build.
var version = "dev"

// Exit codes.
const (
	exitFailed = 1   // the job failed, or verify found a difference
	exitUsage  = 2   // the command line means nothing
	exitSignal = 130 // interrupted
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args))
}

func run(ctx context.Context, args []string) int {
	app := newApp()
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	return report(ctx, err)
}

// report prints err and turns it into an exit code.
func report(ctx context.Context, err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "\ninterrupted")
		return exitSignal
	case errors.Is(err, errFound):
		return exitFailed // already printed
	case errors.As(err, &usage):
		fmt.Fprintf(screen{os.Stderr}, "tessera: %v\n(tessera %s --help shows how)\n", err, usage.command)
		return exitUsage
	}
	fmt.Fprintf(screen{os.Stderr}, "tessera: %v\n", err)
	return exitFailed
}

// errFound ends a command that has printed what is wrong.
var errFound = errors.New("differences found")

// usageError is a mistake on the command line.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(c *cli.Context, format string, args ...any) error {
	return &usageError{c.Command.Name, fmt.Errorf(format, args...)}
}

func newApp() *cli.App {
	return &cli.App{
		Name:    "tessera",
		Usage:   "language-model checkpoints as provable, partial, fast programs",
		Version: version,
		Description: `A checkpoint (Hugging Face folder or GGUF) becomes a bundle of four segments:
embed, decoder, logit, topk. Commands that run take a bundle or a checkpoint;
a checkpoint is converted once, into a cache.

  tessera convert model/ -o model.tess --type q4_k_m
  tessera run model.tess -p "Once upon a time"
  tessera verify model/ --type q4_k_m
  tessera bench model.tess`,
		Commands: []*cli.Command{
			inspectCommand(), convertCommand(), segmentCommand(), verifyCommand(), runCommand(), tokenizeCommand(), passesCommand(),
			runSegmentCommand(), logitsCommand(), perplexityCommand(), benchCommand(), synthCommand(), cacheCommand(),
		},
		HideHelpCommand: true,
		// A comma may stand in a file name.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // report does it
		OnUsageError: func(c *cli.Context, err error, _ bool) error {
			return &usageError{c.Command.Name, err}
		},
		CommandNotFound: func(c *cli.Context, name string) {
			fmt.Fprintf(os.Stderr, "tessera: no command %q (tessera --help lists them)\n", name)
			os.Exit(exitUsage)
		},
	}
}
