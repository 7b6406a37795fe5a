package bench

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestStartupHelper is the process that TestStartup starts.
func TestStartupHelper(t *testing.T) {
	switch os.Getenv("TESSERA_STARTUP_HELPER") {
	case "good":
		time.Sleep(20 * time.Millisecond)
		fmt.Println(`{"tokens":3,"anon_bytes":5,"kv_bytes":7,"open_ms":1,"compile_ms":2,"text_ms":0,"prefill_ms":4}`)
		time.Sleep(50 * time.Millisecond) // does not count
	case "silent":
	case "fails":
		fmt.Fprintln(os.Stderr, "no such model")
		os.Exit(1)
	default:
		t.Skip("not started by TestStartup")
	}
	os.Exit(0)
}

func TestStartup(t *testing.T) {
	args := []string{os.Args[0], "-test.run=^TestStartupHelper$"}
	t.Setenv("TESSERA_STARTUP_HELPER", "good")
	r, err := Startup(t.Context(), "ids", args, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := FirstLogits{Tokens: 3, Anon: 5, KV: 7, Open: 1, Compile: 2, Prefill: 4}
	if r.Test != "ids" || len(r.All) != 3 || r.FirstLogits != want || r.Millis < 20 || r.Millis != medianOf(r.All) {
		t.Errorf("%+v", r)
	}
	for _, how := range []string{"silent", "fails"} {
		t.Setenv("TESSERA_STARTUP_HELPER", how)
		if _, err := Startup(t.Context(), "ids", args, 1); err == nil {
			t.Errorf("a process that is %s is no error", how)
		}
	}
	if m := medianOf([]float64{5, 1, 4, 2}); m != 3 {
		t.Errorf("median %v", m)
	}
}
