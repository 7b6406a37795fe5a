package checkpoint

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// Limits of the files beside the weights, in bytes.
const (
	MaxConfig    = 16 << 20  // config.json, generation_config.json, tokenizer_config.json and the like
	MaxTokenizer = 256 << 20 // tokenizer.json
	MaxTemplate  = 4 << 20   // one chat template
	MaxTemplates = 64        // additional chat templates
)

// readConfigs reads config.json, which must exist, and generation_config.json.
func (c *Checkpoint) readConfigs() (err error) {
	if c.config, err = c.readObject(configName); err != nil {
		return err
	}
	if c.arch, c.modelType, err = architecture(c.config); err != nil {
		return fmt.Errorf("%s in %s: %w", configName, c.dir, err)
	}
	c.generation, err = c.readObject(generationName)
	if absent(c.dir, generationName, err) {
		err = nil
	}
	return err
}

// readObject reads a file that must hold one JSON object.
func (c *Checkpoint) readObject(name string) ([]byte, error) {
	text, err := c.readBeside(name, MaxConfig)
	if err != nil {
		return nil, err
	}
	if err := jsonscan.Check(text); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, c.dir, err)
	}
	if jsonscan.New(text).Peek() != '{' {
		return nil, fmt.Errorf("%s in %s: want a JSON object", name, c.dir)
	}
	return text, nil
}

// readBeside reads a file of the checkpoint's folder.
func (c *Checkpoint) readBeside(name string, limit int64) ([]byte, error) {
	path, err := folder.Resolve(c.dir, name)
	if err != nil {
		return nil, err
	}
	return folder.Read(path, limit)
}

// architecture finds the first of "architectures", and "model_type".
func architecture(config []byte) (arch, modelType string, err error) {
	s := jsonscan.New(config)
	err = s.Object(func(key string) (err error) {
		switch c := s.Peek(); {
		case key == "model_type" && c == '"':
			modelType, err = s.String()
		case key == "model_type" && c != 'n':
			err = fmt.Errorf("model_type is no string")
		case key == "architectures" && c == '[':
			err = s.Array(func(i int) (err error) {
				if s.Peek() != '"' {
					return fmt.Errorf("architectures[%d] is no string", i)
				}
				if i > 0 {
					return s.Skip()
				}
				arch, err = s.String()
				return err
			})
		case key == "architectures" && c != 'n':
			err = fmt.Errorf("architectures is no list of strings")
		default:
			err = s.Skip()
		}
		return err
	})
	return arch, modelType, err
}
