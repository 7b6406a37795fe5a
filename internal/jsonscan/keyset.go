package jsonscan

// keySet holds the keys of one object; few keys cost no map.
type keySet struct {
	few  []string
	many map[string]struct{}
}

// add reports whether key is new.
func (k *keySet) add(key string) bool {
	if k.many == nil {
		for _, f := range k.few {
			if f == key {
				return false
			}
		}
		k.few = append(k.few, key)
		if len(k.few) > 16 {
			k.many = make(map[string]struct{}, 64)
			for _, f := range k.few {
				k.many[f] = struct{}{}
			}
			k.few = nil
		}
		return true
	}
	if _, ok := k.many[key]; ok {
		return false
	}
	k.many[key] = struct{}{}
	return true
}
