module github.com/tessera-llm/tessera/internal/generate/kernels

go 1.26.0

require github.com/tessera-llm/tessera v0.0.0

require golang.org/x/sys v0.47.0 // indirect

replace github.com/tessera-llm/tessera => ../../..
