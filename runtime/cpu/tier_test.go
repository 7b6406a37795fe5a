package cpu

import (
	"reflect"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// TestTier: every task that has a tier gets the device's; a zero one would run
// the generic kernels, right and slow.
func TestTier(t *testing.T) {
	best, err := kernel.Best()
	if err != nil {
		t.Fatal(err)
	}
	if best == kernel.Generic {
		t.Skip("this machine has the generic tier only")
	}
	seen := map[ir.OpName]bool{}
	for _, p := range testPrograms(t) {
		d := openDevice(t, p)
		for _, s := range p.Segments {
			e, err := d.compile(s.Name, s.Graph, size(8))
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range e.steps {
				seen[step.node.Op] = true
				for _, task := range step.tasks {
					v := reflect.ValueOf(task).Elem()
					if f := v.FieldByName("Tier"); f.IsValid() && f.Interface() != any(best) {
						t.Errorf("%s: %T has tier %v, the device %v", step.node.Op, task, f.Interface(), best)
					}
				}
			}
		}
	}
	for _, op := range ir.Ops() {
		if !seen[op.Name] && !op.Activation {
			t.Errorf("no test program has op %s", op.Name)
		}
	}
}
