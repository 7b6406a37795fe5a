package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// With fakeEnv set this test binary is every engine: "bench" and "synth" are
// ours, "llama" a llama-bench, "fork" one without -d, "sweep" a
// llama-sweep-bench, "broken" fails, "slow" does not end. Each appends its role
// to the file that fakeEnv names.
const fakeEnv = "BENCHPEER_FAKE"

func TestMain(m *testing.M) {
	if file := os.Getenv(fakeEnv); file != "" {
		fake(file, os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

func fake(file string, args []string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		die(err.Error())
	}
	fmt.Fprintln(f, strings.Join(args, " "))
	f.Close()
	if args[0] != "synth" {
		os.WriteFile("llama.log", nil, 0o644) // as ik_llama.cpp does
	}
	switch args[0] {
	case "bench":
		fakeOurs(args)
	case "synth":
		if err := os.WriteFile(args[len(args)-1], []byte(args[1]), 0o644); err != nil {
			die(err.Error())
		}
	case "llama", "fork":
		fakeLlama(args)
	case "sweep":
		fakeSweep(args)
	case "slow":
		time.Sleep(time.Minute)
	default:
		die("first line\nerror: no kernel for this")
	}
}

func die(s string) {
	fmt.Fprintln(os.Stderr, s)
	os.Exit(1)
}

// option is the value behind a flag.
func option(args []string, name string) string {
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		die("no " + name)
	}
	return args[i+1]
}

func integer(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		die(err.Error())
	}
	return n
}

type fakeRow struct {
	Prompt int     `json:"n_prompt"`
	Gen    int     `json:"n_gen"`
	Depth  int     `json:"n_depth,omitempty"`
	Speed  float64 `json:"tokens_per_second,omitempty"`
	Theirs float64 `json:"avg_ts,omitempty"`
}

// fakeRows are the tests of -p, -n and -d, at prompts of 1000 and generations
// of 100 tokens per second, slower with depth.
func fakeRows(args []string, depth int, factor float64) []fakeRow {
	var rows []fakeRow
	for i, flag := range []string{"-p", "-n"} {
		for _, s := range strings.Split(option(args, flag), ",") {
			n := integer(s)
			if n == 0 {
				continue
			}
			r := fakeRow{Prompt: n, Depth: depth, Speed: 1000 * factor / float64(1+depth/4096)}
			if i == 1 {
				r = fakeRow{Gen: n, Depth: depth, Speed: 100 * factor / float64(1+depth/4096)}
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func fakeOurs(args []string) {
	rep := map[string]any{"machine": nil, "rows": fakeRows(args, integer(optionOr(args, "-d", "0")), 1)}
	if slices.Contains(args, "--limits") {
		rep["limits"] = limits{Dot: 3200, FMA: 400, Read: 0.5}
	}
	json.NewEncoder(os.Stdout).Encode(rep)
}

func optionOr(args []string, name, other string) string {
	if slices.Contains(args, name) {
		return option(args, name)
	}
	return other
}

func fakeLlama(args []string) {
	factor := 0.5
	if slices.Contains(args, "-rtr") {
		factor = 0.8
	}
	if option(args, "-ctk") != option(args, "-ctv") {
		die("cache types differ")
	}
	if args[0] == "fork" && slices.Contains(args, "-d") {
		die("error: invalid parameter for argument: -d")
	}
	rows := fakeRows(args, integer(optionOr(args, "-d", "0")), factor)
	for i := range rows {
		rows[i].Theirs, rows[i].Speed = rows[i].Speed, 0
	}
	fmt.Println("warning: something")
	json.NewEncoder(os.Stdout).Encode(rows)
}

func fakeSweep(args []string) {
	context, step, stride := integer(option(args, "-c")), integer(option(args, "-ub")), integer(option(args, "--sweep-stride"))
	factor := 0.4
	if slices.Contains(args, "-rtr") {
		factor = 0.2
	}
	for i, kv := 0, 0; kv < context; i, kv = i+1, kv+step {
		if i%stride == 0 {
			fmt.Fprintf(os.Stderr, "llm_load: {4096}\n{\"n_kv_max\": %d, \"pp\": %d, \"tg\": %s, \"n_kv\": %d, \"t_pp\": 1.5, \"speed_pp\": %f, \"t_tg\": 15.2, \"speed_tg\": %f }\n",
				context, step, option(args, "-n"), kv, 1000*factor, 100*factor)
		}
	}
}

// faked makes the test binary play all engines and returns its path and the
// file that lists what was run.
func faked(t *testing.T) (exe, calls string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	calls = filepath.Join(t.TempDir(), "calls")
	t.Setenv(fakeEnv, calls)
	return exe, calls
}

// called lists the calls so far.
func called(t *testing.T, calls string) []string {
	t.Helper()
	b, err := os.ReadFile(calls)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}
