package synth

// Bytes is the size of all tensors that o describes; nothing is written.
func Bytes(o Options) (int64, error) {
	j, err := newJob(o)
	if err != nil {
		return 0, err
	}
	return j.total, nil
}
