package format

// TextFile is a small file that a bundle carries beside graphs and weights.
type TextFile struct {
	Name string
	Data []byte
}

// Names of the text files.
const (
	TokenizerFile        = "tokenizer.bin"       // compiled, pkg/tokenizer
	TemplatesFile        = "chat_templates.json" // list of {Name, Source, From}, the default first
	GenerationConfigFile = "generation_config.json"
)

// MaxText bounds a text file that is read whole.
const MaxText = 256 << 20

// TextFiles lists the names a bundle may carry beside graphs and weights.
var TextFiles = []string{TokenizerFile, TemplatesFile, GenerationConfigFile}
