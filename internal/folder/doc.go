// Package folder finds and reads the files of a checkpoint folder that names in
// untrusted files refer to.
//
// Resolve turns a plain base name into a path and refuses everything that
// could leave the folder: separators, "..", device names, and symbolic links
// that point outside. One layout is allowed to link out: the Hugging Face hub
// cache, in which <repo>/snapshots/<rev>/name links to <repo>/blobs/<digest>.
//
// Read reads a whole small file within a size limit. IsPointer recognises the
// text that git-lfs leaves where a large file was not downloaded.
package folder
