package main

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/dialog"
)

func TestDisplay(t *testing.T) {
	t.Setenv("TERM", "xterm")
	answer := []dialog.Event{{Kind: dialog.Control, Text: "<think>"}, {Kind: dialog.Reasoning, Text: "hm"}, {Kind: dialog.Token, Text: "hm"},
		{Kind: dialog.Control, Text: "</think>"}, {Kind: dialog.Text, Text: "a\x1b[31mb\tc\nd"}}
	for _, c := range []struct {
		name, noColour string
		screen         bool
		want           string
	}{
		{"terminal", "", true, "\x1b[2m<think>hm</think>\x1b[22ma␛[31mb\tc\nd\n"},
		{"NO_COLOR", "1", true, "<think>hm</think>a␛[31mb\tc\nd\n"},
		{"file", "", false, "<think>hm</think>a\x1b[31mb\tc\nd\n"},
	} {
		t.Setenv("NO_COLOR", c.noColour)
		var b strings.Builder
		d := newDisplay(&b, c.screen)
		for _, e := range answer {
			d.event(e)
		}
		d.endLine()
		d.endLine()
		if b.String() != c.want || d.err != nil {
			t.Errorf("%s: %q, want %q (%v)", c.name, b.String(), c.want, d.err)
		}
	}
}
