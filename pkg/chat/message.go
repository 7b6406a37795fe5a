package chat

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/chat/jinja"
)

// Message is one turn of a conversation. Text in it is untrusted; use Trusted for text whose control tokens
// are meant. The template sees a map with the keys role, content, the reasoning under the name the template
// knows, tool_calls, tool_call_id, name, then Fields; empty ones are left out.
type Message struct {
	Role       string
	Content    any    // string, Trusted, or parts as []any or []*Map; nil for none
	Reasoning  string // what the model thought before an answer
	ToolCalls  []ToolCall
	ToolCallID string // in an answer of a tool: the call it answers
	Name       string // in an answer of a tool: the function
	Fields     *Map   // further keys

	// Raw, when set, is the whole message as the template shall see it; the other fields are ignored.
	Raw *Map
}

// ToolCall is a call the assistant made.
type ToolCall struct {
	ID   string
	Name string
	// Arguments is a *Map, or a string with a JSON object, which is decoded: templates expect a mapping.
	Arguments any
}

// roles are trusted texts: templates such as Phi-4's write control tokens as '<|' + role + '|>'.
// A role outside this list stays untrusted, so that no caller can spell a token with it.
var roles = []string{
	"system", "developer", "user", "assistant", "model", "tool", "function", "ipython", "environment", "observation",
}

func role(s string) any {
	if slices.Contains(roles, s) {
		return Trusted(s)
	}
	return s
}

func (m *Message) toMap(reasoning string) (*Map, error) {
	if m.Raw != nil {
		out := &Map{}
		for k, v := range m.Raw.All() {
			if s, ok := v.(string); ok && k == "role" {
				v = role(s)
			}
			out.Set(k, v)
		}
		return out, nil
	}
	out := jinja.Pairs("role", role(m.Role))
	if m.Content != nil {
		out.Set("content", m.Content)
	}
	if m.Reasoning != "" {
		out.Set(reasoning, m.Reasoning)
	}
	if len(m.ToolCalls) > 0 {
		calls := make([]any, len(m.ToolCalls))
		for i := range m.ToolCalls {
			c, err := m.ToolCalls[i].toMap()
			if err != nil {
				return nil, err
			}
			calls[i] = c
		}
		out.Set("tool_calls", calls)
	}
	if m.ToolCallID != "" {
		out.Set("tool_call_id", m.ToolCallID)
	}
	if m.Name != "" {
		out.Set("name", m.Name)
	}
	for k, v := range m.Fields.All() {
		out.Set(k, v)
	}
	return out, nil
}

func (c *ToolCall) toMap() (*Map, error) {
	args := c.Arguments
	if s, ok := args.(string); ok {
		v, err := jinja.DecodeJSON([]byte(s))
		if err != nil {
			return nil, fmt.Errorf("arguments of tool call %q: %w", c.Name, err)
		}
		m, ok := v.(*Map)
		if !ok {
			return nil, fmt.Errorf("arguments of tool call %q: want a JSON object, got %.40q", c.Name, s)
		}
		args = m
	}
	if args == nil {
		args = &Map{}
	}
	out := &Map{}
	if c.ID != "" {
		out.Set("id", c.ID)
	}
	out.Set("type", "function")
	out.Set("function", jinja.Pairs("name", c.Name, "arguments", args))
	return out, nil
}

// ParseMessages reads a JSON array of messages, each an object in any form the template accepts.
func ParseMessages(data []byte) ([]Message, error) {
	list, err := parseMaps(data, "messages")
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(list))
	for i, m := range list {
		if _, ok := m.Get("role"); !ok {
			return nil, fmt.Errorf("messages[%d]: no role", i)
		}
		out[i] = Message{Raw: m}
	}
	return out, nil
}

// ParseTools reads a JSON array of tool schemas.
func ParseTools(data []byte) ([]*Map, error) { return parseMaps(data, "tools") }

func parseMaps(data []byte, what string) ([]*Map, error) {
	v, err := jinja.DecodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: want a JSON array of objects", what)
	}
	out := make([]*Map, len(list))
	for i, x := range list {
		if out[i], ok = x.(*Map); !ok {
			return nil, fmt.Errorf("%s[%d]: want a JSON object", what, i)
		}
	}
	return out, nil
}
