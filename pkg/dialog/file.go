package dialog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tessera-llm/tessera/pkg/chat"
)

// savedMessage is a message in a file: a list of them is a conversation, in
// the form that other programs use.
type savedMessage struct {
	Role      string `json:"role"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning_content,omitempty"`
}

// maxFile bounds the bytes of a file with a conversation.
const maxFile = 64 << 20

// Save writes the messages, the system message in front, as a JSON file that only its
// owner can read.
func (c *Conversation) Save(path string) error {
	data, err := encodeMessages(c.All())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o600)
}

// Load replaces the messages and the system message by those of a file that Save or
// another program wrote. After an error nothing has changed. During an answer it is ErrBusy.
func (c *Conversation) Load(path string) error {
	leave, err := c.enter()
	if err != nil {
		return err
	}
	defer leave()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	system, messages, err := decodeMessages(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.System, c.Messages = system, messages
	return nil
}

// encodeMessages writes texts; what a file has no place for is an error.
func encodeMessages(messages []chat.Message) ([]byte, error) {
	list := make([]savedMessage, len(messages))
	for i, m := range messages {
		text, ok := m.Content.(string)
		if !ok || m.Raw != nil || m.Fields != nil || len(m.ToolCalls) > 0 || m.ToolCallID != "" || m.Name != "" {
			return nil, fmt.Errorf("message %d holds more than role, text and reasoning, which a file of messages cannot keep", i)
		}
		list[i] = savedMessage{m.Role, text, m.Reasoning}
	}
	data, err := json.MarshalIndent(list, "", " ")
	return append(data, '\n'), err
}

// decodeMessages reads messages of a user and an assistant, which may
// begin with one of the system.
func decodeMessages(data []byte) (system string, messages []chat.Message, err error) {
	if len(data) > maxFile {
		return "", nil, fmt.Errorf("more than %d bytes", maxFile)
	}
	var list []savedMessage
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return "", nil, fmt.Errorf("want a list of messages with role, content and reasoning_content: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return "", nil, errors.New("there is more behind the list of messages")
	}
	for i, m := range list {
		switch {
		case m.Role == "system" && i == 0:
			system = m.Content
		case m.Role == "user" || m.Role == "assistant":
			messages = append(messages, chat.Message{Role: m.Role, Content: m.Content, Reasoning: m.Reasoning})
		default:
			return "", nil, fmt.Errorf("message %d: role %q, want user or assistant, or system in front", i, m.Role)
		}
	}
	return system, messages, nil
}
