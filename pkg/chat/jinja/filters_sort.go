package jinja

import "strings"

func ignoreCase(v Value) Value {
	if s, ok := v.(*Str); ok {
		return lower(s)
	}
	return v
}

// keys computes what a filter sorts or groups by.
func keysOf(st *state, items []Value, attr Value, def Value, sensitive bool) ([]Value, error) {
	p := attrPath(attr)
	out := make([]Value, len(items))
	if err := st.allocItems(len(items)); err != nil {
		return nil, err
	}
	for i, it := range items {
		v, err := p.get(st, it, def)
		if err != nil {
			return nil, err
		}
		if !sensitive {
			v = ignoreCase(v)
		}
		out[i] = v
	}
	return out, nil
}

func filterSort(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("sort", param{"reverse", false}, param{"case_sensitive", false}, param{"attribute", None})
	if err != nil {
		return nil, err
	}
	rev, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	sensitive, err := truth(st, p[1])
	if err != nil {
		return nil, err
	}
	items, err := collect(st, v)
	if err != nil {
		return nil, err
	}
	attrs := []Value{p[2]}
	if s, ok := p[2].(*Str); ok {
		attrs = attrs[:0]
		for _, part := range strings.Split(s.s, ",") {
			attrs = append(attrs, newStr(part))
		}
	}
	keys := make([]Value, len(items))
	for i := range keys {
		keys[i] = &List{}
	}
	for _, at := range attrs {
		ks, err := keysOf(st, items, at, None, sensitive)
		if err != nil {
			return nil, err
		}
		for i, k := range ks {
			l := keys[i].(*List)
			l.items = append(l.items, k)
		}
	}
	out, err := sortValues(st, items, keys, rev)
	return &List{items: out}, err
}

func filterDictsort(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("dictsort", param{"case_sensitive", false}, param{"by", newStr("key")}, param{"reverse", false})
	if err != nil {
		return nil, err
	}
	by, _ := p[1].(*Str)
	if by == nil || by.s != "key" && by.s != "value" {
		return nil, errf(KindFilterArg, `You can only sort by either "key" or "value"`)
	}
	sensitive, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	rev, err := truth(st, p[2])
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			return nil, u.err()
		}
		return nil, errf(KindAttribute, "'%s' object has no attribute 'items'", typeName(v))
	}
	items, err := collect(st, &dictView{d, viewItems})
	if err != nil {
		return nil, err
	}
	sortBy := d.keys
	if by.s == "value" {
		sortBy = d.vals
	}
	keys, err := keysOf(st, sortBy, None, None, sensitive)
	if err != nil {
		return nil, err
	}
	out, err := sortValues(st, items, keys, rev)
	return &List{items: out}, err
}

func filterGroupby(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("groupby", param{"attribute", nil}, param{"default", None}, param{"case_sensitive", false})
	if err != nil {
		return nil, err
	}
	sensitive, err := truth(st, p[2])
	if err != nil {
		return nil, err
	}
	items, err := collect(st, v)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(st, items, p[0], p[1], sensitive)
	if err != nil {
		return nil, err
	}
	if items, err = sortValues(st, items, keys, false); err != nil {
		return nil, err
	}
	if keys, err = keysOf(st, items, p[0], p[1], sensitive); err != nil {
		return nil, err
	}
	out := &List{}
	for i := 0; i < len(items); {
		j := i + 1
		for ; j < len(items); j++ {
			eq, err := equal(st, keys[i], keys[j])
			if err != nil {
				return nil, err
			}
			if !eq {
				break
			}
		}
		label, err := attrPath(p[0]).get(st, items[i], p[1])
		if err != nil {
			return nil, err
		}
		if err := st.allocItems(4); err != nil {
			return nil, err
		}
		out.items = append(out.items, &Tuple{items: []Value{label, &List{items: items[i:j:j]}}, names: []string{"grouper", "list"}})
		i = j
	}
	return out, nil
}

func filterUnique(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("unique", param{"case_sensitive", false}, param{"attribute", None})
	if err != nil {
		return nil, err
	}
	sensitive, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	at := attrPath(p[1])
	var it iterator
	seen := &Dict{}
	return newGen(func(st *state) (Value, bool, error) {
		if it == nil {
			if it, err = iterate(v); err != nil {
				return nil, false, err
			}
		}
		for {
			x, ok, err := it.next(st)
			if err != nil || !ok {
				return nil, false, err
			}
			k, err := at.get(st, x, None)
			if err != nil {
				return nil, false, err
			}
			if !sensitive {
				k = ignoreCase(k)
			}
			old, err := seen.get(k)
			if err != nil {
				return nil, false, err
			}
			if old == nil {
				if err := st.alloc(64); err != nil {
					return nil, false, err
				}
				return x, true, seen.set(k, true)
			}
		}
	}), nil
}

func minMax(name, op string) filterFunc {
	return func(st *state, v Value, a *args) (Value, error) {
		p, err := a.bind(name, param{"case_sensitive", false}, param{"attribute", None})
		if err != nil {
			return nil, err
		}
		sensitive, err := truth(st, p[0])
		if err != nil {
			return nil, err
		}
		items, err := collect(st, v)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return newUndef("No aggregated item, sequence was empty."), nil
		}
		keys, err := keysOf(st, items, p[1], None, sensitive)
		if err != nil {
			return nil, err
		}
		best := 0
		for i := 1; i < len(items); i++ {
			better, err := order(st, op, keys[i], keys[best])
			if err != nil {
				return nil, err
			}
			if better {
				best = i
			}
		}
		return items[best], nil
	}
}
