package quant

type minLanes struct{}

func (*minLanes) run(*[superBlock]float32, *minSearch, *[8]float32, *[8]float32) bool { return false }

type symLanes struct{}

func (*symLanes) run(*[superBlock]float32, int32, *[16]float32) bool { return false }
