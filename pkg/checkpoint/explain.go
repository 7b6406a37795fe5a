package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
)

// maxListed bounds how many names of a folder are looked at.
const maxListed = 20000

// listing returns the names in dir, sorted.
func listing(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxListed)
	if err != nil && err != io.EOF {
		return nil, err
	}
	sort.Strings(names)
	return names, nil
}

// matching filters names by a shell pattern.
func matching(names []string, pattern string) []string {
	var hits []string
	for _, n := range names {
		if ok, _ := filepath.Match(pattern, n); ok {
			hits = append(hits, n)
		}
	}
	return hits
}

// some joins the first few names.
func some(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

func vendorError(path string) error {
	return fmt.Errorf("%s: the vendor's consolidated format (its own tensor names), not the Hugging Face one; "+
		"download the files model*.safetensors and config.json of the same model", path)
}

// explainNoConfig says why a folder without config.json is no checkpoint.
func explainNoConfig(dir string) error {
	names, err := listing(dir)
	if err != nil {
		return err
	}
	has := func(pattern string) []string { return matching(names, pattern) }
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s: empty folder", dir)
	case len(has("*.seg")) > 0:
		return fmt.Errorf("%s: a bundle, not a checkpoint", dir)
	case len(has("*.gguf")) > 0:
		return fmt.Errorf("%s: no config.json, but GGUF files (%s): give the path of one of them, of a split the first", dir, some(has("*.gguf")))
	case len(has("consolidated*")) > 0:
		return vendorError(filepath.Join(dir, has("consolidated*")[0]))
	case len(has("adapter_config.json")) > 0:
		return fmt.Errorf("%s: an adapter (adapter_config.json), not a model; merge it into its base model first", dir)
	case len(has("model_index.json")) > 0:
		return fmt.Errorf("%s: a diffusion pipeline (model_index.json), not a language model", dir)
	case len(has("snapshots")) > 0:
		return fmt.Errorf("%s: no config.json; this looks like a cache entry: give the folder snapshots/<revision> in it", dir)
	}
	return fmt.Errorf("%s: no config.json, so this is no Hugging Face checkpoint", dir)
}

// onlyWeights finds the one safetensors file of a folder that has neither
// model.safetensors nor an index, or explains what is there instead.
func onlyWeights(dir string) (string, error) {
	names, err := listing(dir)
	if err != nil {
		return "", err
	}
	has := func(pattern string) []string { return matching(names, pattern) }
	var own []string
	for _, n := range has("*.safetensors") {
		if !strings.HasPrefix(n, "consolidated") && !strings.HasPrefix(n, "adapter_") {
			own = append(own, n)
		}
	}
	switch {
	case len(own) == 1 && !shardName.MatchString(own[0]):
		return folder.Resolve(dir, own[0])
	case len(own) > 0 && shardName.MatchString(own[0]):
		return "", fmt.Errorf("%s: shards (%s) without model.safetensors.index.json: the download is incomplete", dir, some(own))
	case len(own) > 1:
		return "", fmt.Errorf("%s: several safetensors files (%s) and no index: give the path of one", dir, some(own))
	case len(has("consolidated*")) > 0:
		return "", vendorError(filepath.Join(dir, has("consolidated*")[0]))
	case len(has("adapter_model*")) > 0:
		return "", fmt.Errorf("%s: an adapter (%s), not a model; merge it into its base model first", dir, has("adapter_model*")[0])
	case len(has("*.bin"))+len(has("*.pt"))+len(has("*.pth")) > 0:
		return "", pickleError(filepath.Join(dir, append(append(has("*.bin"), has("*.pt")...), has("*.pth")...)[0]))
	case len(has("*.h5"))+len(has("*.msgpack"))+len(has("*.onnx")) > 0:
		return "", fmt.Errorf("%s: weights only for another framework (%s), want safetensors", dir,
			some(append(append(has("*.h5"), has("*.msgpack")...), has("*.onnx")...)))
	case len(has("*.gguf")) > 0:
		return "", fmt.Errorf("%s: no safetensors, but GGUF files (%s): give the path of one of them, of a split the first", dir, some(has("*.gguf")))
	}
	return "", fmt.Errorf("%s: config.json, but no weights (*.safetensors)", dir)
}
