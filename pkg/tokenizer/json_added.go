package tokenizer

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
)

// jsonAdded is an added token as both files write it.
type jsonAdded struct {
	ID         *int64 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// jsonConfig is what we read of a tokenizer_config.json.
type jsonConfig struct {
	bos, eos       string // "" for none
	addBOS, addEOS *bool
	added          []jsonAdded // by id
}

func readConfig(data []byte) (*jsonConfig, error) {
	c := &jsonConfig{}
	if isNull(data) {
		return c, nil
	}
	var raw struct {
		BOS    json.RawMessage      `json:"bos_token"`
		EOS    json.RawMessage      `json:"eos_token"`
		AddBOS *bool                `json:"add_bos_token"`
		AddEOS *bool                `json:"add_eos_token"`
		Added  map[string]jsonAdded `json:"added_tokens_decoder"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	c.addBOS, c.addEOS = raw.AddBOS, raw.AddEOS
	var err error
	if c.bos, err = tokenName(raw.BOS); err != nil {
		return nil, fmt.Errorf("bos_token: %w", err)
	}
	if c.eos, err = tokenName(raw.EOS); err != nil {
		return nil, fmt.Errorf("eos_token: %w", err)
	}
	for key, a := range raw.Added {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("added_tokens_decoder: key %q is not an id", key)
		}
		a.ID = &id
		c.added = append(c.added, a)
	}
	sort.Slice(c.added, func(i, j int) bool { return *c.added[i].ID < *c.added[j].ID })
	return c, nil
}

// tokenName reads "token" or {"content": "token"}.
func tokenName(raw []byte) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return name, nil
	}
	var a jsonAdded
	err := json.Unmarshal(raw, &a)
	return a.Content, err
}

// addedTokens lists the added tokens: those of tokenizer.json, then those that
// the configuration adds. A token of both has the flags of the configuration.
func (p *jsonParts) addedTokens(c *jsonConfig) ([]jsonAdded, error) {
	var list []jsonAdded
	if !isNull(p.added) {
		if err := json.Unmarshal(p.added, &list); err != nil {
			return nil, fmt.Errorf("added_tokens: %w", err)
		}
	}
	at := make(map[string]int, len(list))
	for i, a := range list {
		at[a.Content] = i
	}
	for _, a := range c.added {
		if i, ok := at[a.Content]; ok {
			if list[i].ID != nil && *list[i].ID != *a.ID {
				return nil, fmt.Errorf("token %q: id %d in added_tokens, %d in tokenizer_config.json", a.Content, *list[i].ID, *a.ID)
			}
			list[i] = a
			continue
		}
		at[a.Content] = len(list)
		list = append(list, a)
	}
	return list, nil
}

// add enters the added tokens into the vocabulary. The tokenizers package
// ignores the ids that the file gives them: a token of the model keeps its id,
// the others are numbered on from the end. Where the two disagree nobody can
// say which ids the weights were trained with, so that is an error.
func (m *jsonModel) add(list []jsonAdded, sp *spec) error {
	if len(list) == 0 {
		return nil
	}
	known := make(map[string]int64, len(list))
	wanted := make(map[string]bool, len(list))
	for _, a := range list {
		wanted[a.Content] = true
	}
	for id, s := range m.pieces.text {
		if wanted[s] && m.pieces.kind[id] != Unassigned {
			known[s] = int64(id)
		}
	}
	next := int64(m.entries)
	for _, a := range list {
		switch {
		case a.Content == "":
			continue
		case a.ID == nil:
			return fmt.Errorf("token %q has no id", a.Content)
		}
		kind := UserDefined
		if a.Special {
			kind = Control
		}
		id, ok := known[a.Content]
		if !ok {
			id = next
			next++
		}
		if id != *a.ID {
			return fmt.Errorf("token %q: id %d in the file, but its place in the vocabulary gives %d", a.Content, *a.ID, id)
		}
		if ok {
			m.pieces.kind[id] = kind | m.pieces.kind[id]&addedOnly
		} else {
			if err := m.pieces.set(id, a.Content, kind|addedOnly, m.limit+len(list)); err != nil {
				return err
			}
			known[a.Content] = id
		}
		sp.Added = append(sp.Added, addedToken{
			ID: int32(id), Content: a.Content, Special: a.Special, Normalized: a.Normalized,
			LStrip: a.LStrip, RStrip: a.RStrip, SingleWord: a.SingleWord,
		})
	}
	return nil
}

// apply sets bos and eos, which are special whatever else is said of them, and
// what is added to a text.
func (c *jsonConfig) apply(sp *spec, v *vocab) error {
	for _, x := range []struct {
		key, name string
		to        *int32
	}{{"bos_token", c.bos, &sp.BOS}, {"eos_token", c.eos, &sp.EOS}} {
		if x.name == "" {
			continue
		}
		id, ok := v.lookup(x.name)
		if !ok {
			return fmt.Errorf("%s %q is not in the vocabulary", x.key, x.name)
		}
		*x.to = id
		found := false
		for _, a := range sp.Added {
			found = found || a.ID == id
		}
		if !found {
			sp.Added = append(sp.Added, addedToken{ID: id, Content: x.name, Special: true})
			v.kinds[id] = Control | v.kinds[id]&addedOnly
		}
	}
	if c.addBOS != nil && sp.BOS >= 0 {
		if len(sp.Prefix) > 0 && sp.Prefix[0] == sp.BOS {
			sp.Prefix = sp.Prefix[1:]
		}
		if *c.addBOS {
			sp.Prefix = append([]int32{sp.BOS}, sp.Prefix...)
		}
	}
	if c.addEOS != nil && sp.EOS >= 0 {
		if n := len(sp.Suffix); n > 0 && sp.Suffix[n-1] == sp.EOS {
			sp.Suffix = sp.Suffix[:n-1]
		}
		if *c.addEOS {
			sp.Suffix = append(sp.Suffix, sp.EOS)
		}
	}
	return nil
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }
