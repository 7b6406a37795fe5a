package runtime

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// hostInputs are the external inputs of a step, before they go to the device.
type hostInputs struct {
	tokens            []int32
	adjRow, adjIDs    []int32
	adjScale, adjBias []float32
	invTemp           []float32
	maskRow, mask     []int32
}

// recheck looks again at rows that a Logits function of this step may have changed since
// they were checked.
func (m *Model) recheck(batch []Append, rows []liveRow) {
	for _, l := range rows {
		if out := &m.step.outcomes[l.a]; out.Err == nil {
			out.Err = m.checkRow(&batch[l.a].Rows[l.row])
		}
	}
}

// setRows sets the inputs of a block of wanted rows; those of an append that failed ask
// for nothing.
func (m *Model) setRows(batch []Append, rows []liveRow) error {
	h := &m.step.host
	h.adjRow, h.adjIDs, h.adjScale, h.adjBias = h.adjRow[:0], h.adjIDs[:0], h.adjScale[:0], h.adjBias[:0]
	h.invTemp, h.maskRow, h.mask = h.invTemp[:0], h.maskRow[:0], h.mask[:0]
	for i, l := range rows {
		r := &batch[l.a].Rows[l.row]
		if m.step.outcomes[l.a].Err != nil {
			r = &Row{}
		}
		for range r.Adjust.IDs {
			h.adjRow = append(h.adjRow, int32(i))
		}
		h.adjIDs = append(h.adjIDs, r.Adjust.IDs...)
		h.adjScale = append(h.adjScale, r.Adjust.Scale...)
		h.adjBias = append(h.adjBias, r.Adjust.Bias...)
		inv := float32(1)
		if r.Temperature > 0 {
			inv = 1 / r.Temperature
		}
		h.invTemp = append(h.invTemp, inv)
		if r.Allow != nil {
			h.maskRow = append(h.maskRow, int32(i))
			for _, w := range r.Allow {
				h.mask = append(h.mask, int32(w))
			}
		}
	}
	for _, in := range []struct {
		name string
		data []int32
		rows int
	}{{ir.ExtAdjRow, h.adjRow, len(h.adjRow)}, {ir.ExtAdjIDs, h.adjIDs, len(h.adjIDs)}, {ir.ExtMaskRow, h.maskRow, len(h.maskRow)}, {ir.ExtMask, h.mask, len(h.maskRow)}} {
		if err := m.setInt32(in.name, in.data, in.rows); err != nil {
			return err
		}
	}
	for _, in := range []struct {
		name string
		data []float32
	}{{ir.ExtAdjScale, h.adjScale}, {ir.ExtAdjBias, h.adjBias}, {ir.ExtInvTemp, h.invTemp}} {
		if err := m.setFloat32(in.name, in.data); err != nil {
			return err
		}
	}
	return nil
}

// setInt32 sets an external input, if a segment reads it.
func (m *Model) setInt32(name string, data []int32, rows int) error {
	if m.buffers[name] == nil {
		return nil
	}
	err := m.reserve(name, rows)
	if err == nil {
		err = m.buffers[name].SetInt32(data)
	}
	if err != nil {
		return fmt.Errorf("input %s: %w", name, err)
	}
	return nil
}

// setFloat32 sets an external input, if a segment reads it.
func (m *Model) setFloat32(name string, data []float32) error {
	if m.buffers[name] == nil {
		return nil
	}
	err := m.reserve(name, len(data))
	if err == nil {
		err = m.buffers[name].SetFloat32(data)
	}
	if err != nil {
		return fmt.Errorf("input %s: %w", name, err)
	}
	return nil
}
