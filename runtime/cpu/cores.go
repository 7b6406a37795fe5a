package cpu

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// physicalCores counts cores without their SMT siblings, which add nothing to
// loops bound by the vector units or by memory. Where the topology is not
// readable it is the number of logical CPUs.
func physicalCores() int {
	files, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
	cores := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return runtime.NumCPU()
		}
		cores[strings.TrimSpace(string(text))] = true
	}
	if len(cores) == 0 || len(cores) > runtime.NumCPU() {
		return runtime.NumCPU()
	}
	return len(cores)
}
