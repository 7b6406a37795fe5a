package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/convert"
)

// TestTypeErrors: a type that is refused is answered with the types that the
// command's help lists, and one that only lacks kernels is not called unknown.
func TestTypeErrors(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m")
	for _, c := range []struct{ typ, want string }{
		{"mxfp4", `--type "mxfp4": the type is known, but no kernel runs it: want one of `},
		{"Q3_K_XL", `unknown weight type "Q3_K_XL", want one of `},
	} {
		fails(t, 2, c.want+convert.RecipeNames()+"\n", "convert", modelPath("llama-f32"), "-o", out, "--type", c.typ)
		fails(t, 2, c.want+convert.TypeNames()+"\n", "synth", "tiny-llama", "-o", out, "--type", c.typ)
	}
	if s := ok(t, "synth", "--help"); strings.Contains(s, "keep") {
		t.Errorf("synth offers keep:\n%s", s)
	}
	if s := convert.TypeNames(); strings.Contains(s, "keep") || !strings.HasPrefix(s, "f32, ") {
		t.Errorf("the types of synth are %s", s)
	}
}

// TestOneTarget: a name that is no target gets the known ones, never advice to
// convert for it, and so do several names at once.
func TestOneTarget(t *testing.T) {
	path := bundle(t, "llama-f32")
	for _, command := range []string{"inspect", "verify"} {
		for _, c := range []struct {
			code         int
			target, want string
		}{
			{2, "metal", `unknown target "metal" (known: cpu`},
			{2, "cpu,rows", "--target cpu,rows: want one target"},
			{2, "", `unknown target ""`},
		} {
			fails(t, c.code, c.want, command, path, "--target", c.target)
			if _, errs, _ := app(t, command, path, "--target", c.target); strings.Contains(errs, "convert the checkpoint") {
				t.Errorf("%s --target %q advises to convert: %s", command, c.target, errs)
			}
		}
	}
	if ok(t, "inspect", path, "--target", "cpu") != ok(t, "inspect", path) {
		t.Error("the first target shows something else by its name")
	}
	fails(t, 2, "is a checkpoint", "inspect", modelPath("llama-f32"), "--target", "cpu")
}
