//go:build !linux && !darwin && !windows

package cpu

func cpuName() string { return "" }
