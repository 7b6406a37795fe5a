package hostile

import (
	"fmt"
	"os"
	"path/filepath"
)

// Layer says who must refuse a case.
type Layer string

// The layers, in the order in which a job reaches them.
const (
	Container  Layer = "container"  // gguf.Open, safetensors.Open or safetensors.OpenIndex
	Checkpoint Layer = "checkpoint" // checkpoint.Open
	Tokenizer  Layer = "tokenizer"  // checkpoint.Checkpoint.Tokenizer
	Model      Layer = "model"      // what reads the configuration and matches tensors
	Weights    Layer = "weights"    // what converts the tensor data
	Mapped     Layer = "mapped"     // what reads the tensor data, after Damage
)

// Format says which container a case is about.
type Format string

// The formats. Of a Folder the path is the folder, of GGUF the file.
const (
	GGUF        Format = "gguf"
	Safetensors Format = "safetensors" // a folder with model.safetensors
	Index       Format = "index"       // a folder with model.safetensors.index.json
	Folder      Format = "folder"      // a folder, broken elsewhere
)

// Case is one malformed checkpoint.
type Case struct {
	Name   string // unique, "gguf/alignment-3"
	Format Format
	Layer  Layer
	Want   string // part of the error
	// Write writes the files into an empty folder and returns the path to open.
	Write func(dir string) (path string, err error)
	// Damage breaks an opened checkpoint; nil except for layer Mapped.
	Damage func(path string) error
}

// Cases lists all cases, names in a fixed order. Cases that need a feature of
// the platform (links, pipes) are absent elsewhere.
func Cases() []Case {
	var all []Case
	for _, part := range [...]func() []Case{
		ggufHeaderCases, ggufValueCases, ggufTensorCases, splitCases,
		headerCases, entryCases, offsetCases, indexCases, folderCases, linkCases,
		hfModelCases, ggufModelCases, weightCases, mappedCases,
	} {
		all = append(all, part()...)
	}
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.Name] {
			panic("hostile: two cases named " + c.Name)
		}
		seen[c.Name] = true
	}
	return all
}

// files are written together: name below the folder to content.
type files map[string][]byte

// in returns a Write that writes fs and opens the given name below the folder,
// "" for the folder itself.
func in(open string, fs files) func(string) (string, error) {
	return func(dir string) (string, error) {
		for name, data := range fs {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return "", err
			}
			if err := os.WriteFile(path, data, 0o666); err != nil {
				return "", err
			}
		}
		return filepath.Join(dir, open), nil
	}
}

// lazy is in for files that are large enough to be built only when wanted.
func lazy(open string, fs func() files) func(string) (string, error) {
	return func(dir string) (string, error) { return in(open, fs())(dir) }
}

// with returns a Write that runs more after another one.
func with(write func(string) (string, error), more func(dir string) error) func(string) (string, error) {
	return func(dir string) (string, error) {
		path, err := write(dir)
		if err == nil {
			err = more(dir)
		}
		return path, err
	}
}

// sparse makes name in dir size bytes long without storing them.
func sparse(name string, size int64) func(dir string) error {
	return func(dir string) error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			return err
		}
		if err := f.Truncate(size); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
}

func named(format string, args ...any) string { return fmt.Sprintf(format, args...) }
