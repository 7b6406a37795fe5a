package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// hfRope is rope_scaling, or rope_parameters of newer configs.
type hfRope struct {
	RopeType            *string  `json:"rope_type"`
	Type                *string  `json:"type"` // the older key
	RopeTheta           *float64 `json:"rope_theta"`
	Factor              *float64 `json:"factor"`
	LowFreqFactor       *float64 `json:"low_freq_factor"`
	HighFreqFactor      *float64 `json:"high_freq_factor"`
	Original            *float64 `json:"original_max_position_embeddings"`
	PartialRotaryFactor *float64 `json:"partial_rotary_factor"`
	BetaFast            *float64 `json:"beta_fast"`
	BetaSlow            *float64 `json:"beta_slow"`
	AttentionFactor     *float64 `json:"attention_factor"`
	MScale              *float64 `json:"mscale"`
	MScaleAllDim        *float64 `json:"mscale_all_dim"`
	Truncate            *bool    `json:"truncate"`

	keys map[string]json.RawMessage
}

// parseRope reads the value of a key; nil for null and for an absent key.
func parseRope(where string, data json.RawMessage) (*hfRope, error) {
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	r := &hfRope{}
	if err := decodeExact(data, r, &r.keys); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return r, nil
}

// ropeTypes lists the keys that each supported type must have and may have.
var ropeTypes = map[string]struct{ must, may []string }{
	"default": {},
	"linear":  {must: []string{"factor"}},
	"llama3":  {must: []string{"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}},
	"yarn": {must: []string{"factor", "original_max_position_embeddings"},
		may: []string{"beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim", "truncate"}},
}

// rope fills c.Rope.
func (h *hfConfig) rope(c *Config) error {
	where := "rope_scaling"
	r, err := parseRope(where, h.RopeScaling)
	if err != nil {
		return err
	}
	newer, err := parseRope("rope_parameters", h.RopeParameters)
	switch {
	case err != nil:
		return err
	case r == nil:
		where, r = "rope_parameters", newer
	case newer != nil:
		return fmt.Errorf("rope_scaling and rope_parameters are both given, want one of them")
	}
	if r == nil {
		r = &hfRope{}
	}
	theta := or(r.RopeTheta, or(h.RopeTheta, 1e4))
	c.Rope = Rope{Type: "default", Theta: short(theta), Dim: c.HeadDim}
	if f := or(r.PartialRotaryFactor, or(h.PartialRotaryFactor, 1)); f != 1 {
		return h.bad("partial_rotary_factor", f, "1: partial rotation is not part of "+c.Arch)
	}
	t := or(r.RopeType, or(r.Type, "default"))
	if r.RopeType != nil && r.Type != nil && *r.Type != *r.RopeType {
		return fmt.Errorf("%s has type %q and rope_type %q, want one of them", where, *r.Type, *r.RopeType)
	}
	keys, ok := ropeTypes[t]
	if !ok {
		return h.bad(where+".rope_type", t, "default, linear, llama3 or yarn")
	}
	c.Rope.Type = t
	for _, k := range keys.must {
		if v := string(r.keys[k]); v == "" || v == "null" {
			return fmt.Errorf("%s.%s is missing, rope type %s needs it", where, k, t)
		}
	}
	for _, k := range sortedKeys(r.keys) {
		known := slices.Concat([]string{"rope_type", "type", "rope_theta", "partial_rotary_factor"}, keys.must, keys.may)
		if !slices.Contains(known, k) && string(r.keys[k]) != "null" {
			return fmt.Errorf("%s.%s is not known for rope type %s", where, k, t)
		}
	}
	c.Rope.Factor, c.Rope.LowFreq = short(or(r.Factor, 0)), short(or(r.LowFreqFactor, 0))
	c.Rope.HighFreq, c.Rope.Original = short(or(r.HighFreqFactor, 0)), or(r.Original, 0)
	if t == "yarn" {
		r.yarn(&c.Rope)
	}
	return nil
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
