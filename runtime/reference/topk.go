package reference

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

func topk(n *ir.Node, vals []value) error {
	x := vals[n.In[0]]
	adjRow, ids, scale, bias := vals[n.In[1]].i, vals[n.In[2]].i, vals[n.In[3]].f, vals[n.In[4]].f
	inv, maskRow, mask := vals[n.In[5]].f, vals[n.In[6]].i, vals[n.In[7]]
	if err := checkRows(x, adjRow, ids, maskRow); err != nil {
		return err
	}
	for r, t := range inv {
		if !(t > 0) || math.IsInf(t, 0) {
			return fmt.Errorf("inverse temperature %v of row %d, want a finite number > 0", t, r)
		}
	}
	for i, s := range scale {
		if !(s > 0) || math.IsInf(s, 0) || math.IsNaN(bias[i]) {
			return fmt.Errorf("adjustment %d: scale %v (want > 0), bias %v", i, s, bias[i])
		}
	}
	k := int(n.Int("k"))
	top := value{i: make([]int32, x.rows()*k), cols: k}
	logits, lse, lseTemp := newValue(x.rows(), k), newValue(x.rows(), 1), newValue(x.rows(), 1)
	for r := range x.rows() {
		row := slices.Clone(x.row(r))
		for i, id := range ids {
			if int(adjRow[i]) != r {
				continue
			}
			if l := row[id]; l > 0 {
				row[id] = l/scale[i] + bias[i]
			} else {
				row[id] = l*scale[i] + bias[i]
			}
		}
		if m := slices.Index(maskRow, int32(r)); m >= 0 {
			for id := range row {
				if uint32(mask.i[m*mask.cols+id/32])>>(id%32)&1 == 0 {
					row[id] = math.Inf(-1)
				}
			}
		}
		order := make([]int32, len(row))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return compareLogits(row[a], row[b]) })
		for i := range k {
			top.i[r*k+i], logits.f[r*k+i] = order[i], row[order[i]]
		}
		lse.f[r], lseTemp.f[r] = logSumExp(row, 1), logSumExp(row, inv[r])
	}
	vals[n.Out[0]], vals[n.Out[1]], vals[n.Out[2]], vals[n.Out[3]] = top, logits, lse, lseTemp
	return nil
}

// checkRows checks what adjustments and masks name.
func checkRows(x value, adjRow, ids, maskRow []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= x.cols {
			return fmt.Errorf("adjusted id %d is outside 0..%d", id, x.cols-1)
		}
		if r := adjRow[i]; r < 0 || int(r) >= x.rows() || i > 0 && r < adjRow[i-1] {
			return fmt.Errorf("adjusted row %d at %d, want rising rows of %d", r, i, x.rows())
		}
	}
	for i, r := range maskRow {
		if r < 0 || int(r) >= x.rows() || i > 0 && r <= maskRow[i-1] {
			return fmt.Errorf("masked row %d at %d, want rising rows of %d", r, i, x.rows())
		}
	}
	return nil
}

// logSumExp is log(sum exp(t·l)).
func logSumExp(row []float64, t float64) float64 {
	m, sum := math.Inf(-1), 0.0
	for _, l := range row {
		m = max(m, t*l)
	}
	for _, l := range row {
		sum += math.Exp(t*l - m)
	}
	return m + math.Log(sum)
}

// compareLogits orders higher first and NaN last.
func compareLogits(a, b float64) int {
	switch an, bn := math.IsNaN(a), math.IsNaN(b); {
	case an && bn:
		return 0
	case an:
		return 1
	case bn:
		return -1
	}
	return cmp.Compare(b, a)
}
