// Package hostile writes malformed checkpoints for tests: GGUF files and
// splits, safetensors files, indexes and Hugging Face folders, each broken in
// one named way.
//
// Cases lists them. A Case says which layer must refuse it and a part of the
// error that this layer must give, so one table serves the readers, the models
// and the commands: a test runs the layers up to its own and expects an error
// for every case, and the wanted text for the cases of its layer. A case of
// layer Mapped is a sound checkpoint that Damage breaks after it was opened:
// reading its tensors under mmap.Guard must fail.
//
// The files are built from bytes, without the packages under test.
//
// Start with Cases, then gguf.go and safetensors.go for the builders.
package hostile
