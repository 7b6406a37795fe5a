package cpu

import "golang.org/x/sys/unix"

// cpuName is the model name of the processor.
func cpuName() string {
	name, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return name
}
