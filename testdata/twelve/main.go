package main

import "context"
import "os"
import "github.com/tessera-llm/tessera"

func main() {
	m, _ := tessera.Open(os.Args[1], tessera.OpenOptions{}) // its error is that of Chat, too
	for e, err := range m.Chat(context.Background(), []tessera.Message{tessera.User(os.Args[2])}, tessera.Options{MaxTokens: 24}) {
		if os.Stdout.WriteString(e.Text); err != nil {
			panic(err)
		}
	}
}
