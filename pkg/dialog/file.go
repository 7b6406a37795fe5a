package dialog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/pkg/chat"
)

// savedMessage is a message in a file: a list of them is a conversation, in
// the form that other programs use.
type savedMessage struct {
	Role      string  `json:"role"`
	Content   *string `json:"content"` // a pointer, since a message without one is not an empty message
	Reasoning string  `json:"reasoning_content,omitempty"`
}

// maxFile bounds the bytes of a file with a conversation.
const maxFile = 64 << 20

// Save writes the messages, the system message in front, as a JSON file that only its
// owner can read, also where the one that it replaces was open to others. What Load would
// refuse is an error that names the message. After an error the file is as it was.
func (c *Conversation) Save(path string) error {
	if c == nil {
		return errNotBegun
	}
	data, err := encodeMessages(c.All())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("save the conversation %s: %w", path, err)
	}
	return nil
}

// replaceFile makes the file at path, or behind the link there, of data.
func replaceFile(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays one
	}
	if have, err := os.Stat(path); err == nil && !have.Mode().IsRegular() {
		return errors.New("there is something that is not a file: choose another name")
	}
	return disk.Replace(path, 0o600, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
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
		if err := checkRole(i, m.Role); err != nil {
			return nil, err
		}
		if m.Role == "system" && m.Reasoning != "" {
			return nil, errSystemReasons(i)
		}
		list[i] = savedMessage{m.Role, &text, m.Reasoning}
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return nil, err
	}
	if data = append(data, '\n'); len(data) > maxFile {
		return nil, fmt.Errorf("%d bytes of messages: a file of them has at most %d", len(data), maxFile)
	}
	return data, nil
}

// checkRole refuses a role that message i of a file cannot have.
func checkRole(i int, role string) error {
	if role == "user" || role == "assistant" || role == "system" && i == 0 {
		return nil
	}
	return fmt.Errorf("message %d: role %.60q, want user or assistant, or system in front", i, role)
}

// errSystemReasons is of a system message with reasoning, for which a Conversation has no place.
func errSystemReasons(i int) error {
	return fmt.Errorf("message %d: role system with reasoning_content: only answers have reasoning", i)
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
	if list == nil {
		return "", nil, errors.New("want a list of messages, not null")
	}
	for i, m := range list {
		if err := checkRole(i, m.Role); err != nil {
			return "", nil, err
		}
		switch {
		case m.Content == nil:
			return "", nil, fmt.Errorf("message %d, of role %s, has no content: want a text, which may be empty", i, m.Role)
		case m.Role == "system" && m.Reasoning != "":
			return "", nil, errSystemReasons(i)
		case m.Role == "system":
			system = *m.Content
		default:
			messages = append(messages, chat.Message{Role: m.Role, Content: *m.Content, Reasoning: m.Reasoning})
		}
	}
	return system, messages, nil
}
