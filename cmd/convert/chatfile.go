package main

import (
	"bytes"
	"context"
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

// maxConversation bounds the bytes of a file with a conversation.
const maxConversation = 64 << 20

func (c *chatter) save(_ context.Context, path string) error {
	if path == "" {
		return errors.New("/save FILE")
	}
	data, err := encodeConversation(c.conversation())
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	c.out.note(fmt.Sprintf("%d messages in %s", len(c.messages), path))
	return nil
}

func (c *chatter) load(_ context.Context, path string) error {
	if path == "" {
		return errors.New("/load FILE")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConversation+1))
	if err != nil {
		return err
	}
	system, messages, err := decodeConversation(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.system, c.messages = system, messages
	c.out.note(fmt.Sprintf("%d messages", len(messages)))
	return nil
}

func encodeConversation(messages []chat.Message) ([]byte, error) {
	list := make([]savedMessage, len(messages))
	for i, m := range messages {
		text, _ := m.Content.(string)
		list[i] = savedMessage{m.Role, text, m.Reasoning}
	}
	data, err := json.MarshalIndent(list, "", " ")
	return append(data, '\n'), err
}

// decodeConversation reads messages of a user and an assistant, which may
// begin with one of the system.
func decodeConversation(data []byte) (system string, messages []chat.Message, err error) {
	if len(data) > maxConversation {
		return "", nil, fmt.Errorf("more than %d bytes", maxConversation)
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
