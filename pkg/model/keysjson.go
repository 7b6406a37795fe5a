package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// MaxConfig bounds config.json.
const MaxConfig = 16 << 20

// parseConfig reads the top level of a config.json.
func parseConfig(data []byte) (map[string]json.RawMessage, error) {
	if len(data) > MaxConfig {
		return nil, fmt.Errorf("%d bytes, at most %d are accepted", len(data), MaxConfig)
	}
	if err := jsonscan.Check(data); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, fmt.Errorf("it is %s in JSON, want an object", article(jsonValue(data).kind()))
	}
	return all, nil
}

// jsonValue is a setting of a config.json.
type jsonValue json.RawMessage

func (v jsonValue) null() bool { return v.String() == "null" }

func (v jsonValue) String() string { return string(bytes.TrimSpace(v)) }

// as unmarshals the value when its text begins as such a value does.
func as[T any](v jsonValue, first string) (x T, ok bool) {
	s := v.String()
	if s == "" || !strings.ContainsRune(first, rune(s[0])) {
		return x, false
	}
	return x, json.Unmarshal(v, &x) == nil
}

const digits = "-0123456789"

func (v jsonValue) integer() (int64, bool)  { return as[int64](v, digits) }
func (v jsonValue) number() (float64, bool) { return as[float64](v, digits) }
func (v jsonValue) boolean() (bool, bool)   { return as[bool](v, "tf") }
func (v jsonValue) text() (string, bool)    { return as[string](v, `"`) }
func (v jsonValue) list() ([]string, bool)  { return as[[]string](v, "[") }

func (v jsonValue) kind() string {
	s := v.String()
	switch {
	case s == "":
		return "nothing"
	case s == "null":
		return "null"
	case strings.HasPrefix(s, "{"):
		return "object"
	case strings.HasPrefix(s, "["):
		return "array"
	case strings.HasPrefix(s, `"`):
		return "string"
	case s == "true", s == "false":
		return "bool"
	}
	return "number"
}
