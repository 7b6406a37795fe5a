package format

// TextFile is a small file that a bundle carries beside graphs and weights.
type TextFile struct {
	Name string
	Data []byte
}

// Names of the text files.
const (
	TokenizerFile        = "tokenizer.bin" // compiled, pkg/tokenizer
	TemplateFile         = "chat_template.jinja"
	TemplatesFile        = "chat_templates.json" // further named templates: name → text
	GenerationConfigFile = "generation_config.json"
)

// MaxText bounds a text file that is read whole.
const MaxText = 256 << 20

// TextFiles lists the names a bundle may carry beside graphs and weights.
var TextFiles = []string{TokenizerFile, TemplateFile, TemplatesFile, GenerationConfigFile}
